"""The rules of Kubernetes' Pod Security Standard `restricted`, for one pod.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ as of 1.36;
`restricted` includes `baseline`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
    *("persistentVolumeClaim", "projected", "secret"),
}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
_SECCOMP = {"RuntimeDefault", "Localhost"}
_SELINUX = {None, "", *(f"container_{name}_t" for name in ("init", "kvm", "engine"))}
_SELINUX.add("container_t")
_APP_ARMOR = {None, "RuntimeDefault", "Localhost"}


def violations(spec: dict[str, Any], annotations: dict[str, str]) -> list[str]:
    """Says why a pod may not run in a namespace that enforces `restricted`.

    Args:
        spec: Of the pod.
        annotations: Of the pod.
    """
    return [*_of_pod(spec, annotations), *_of_containers(spec)]


def _of_pod(spec: dict[str, Any], annotations: dict[str, str]) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"{key} is set"
    rights = spec.get("securityContext", {})
    if rights.get("windowsOptions", {}).get("hostProcess"):
        yield "it is a process of the host"
    for sysctl in rights.get("sysctls", []):
        if sysctl["name"] not in _SYSCTLS:
            yield f"it sets {sysctl['name']}"
    for name, value in annotations.items():
        if name.startswith("container.apparmor.security.beta") and not (
            value == "runtime/default" or value.startswith("localhost/")
        ):
            yield f"AppArmor is {value}"
    for volume in spec.get("volumes", []):
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is of kind {kind}"


def _of_containers(spec: dict[str, Any]) -> Iterator[str]:
    of_all = spec.get("securityContext", {})
    kinds = ("initContainers", "containers", "ephemeralContainers")
    for container in (one for kind in kinds for one in spec.get(kind, [])):
        place = container["name"]
        own = container.get("securityContext", {})
        rights = {**of_all, **own}
        capabilities = own.get("capabilities", {})
        if own.get("privileged"):
            yield f"{place} is privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{place} may gain rights"
        if "ALL" not in capabilities.get("drop", []):
            yield f"{place} keeps capabilities"
        if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            yield f"{place} adds capabilities: {capabilities['add']}"
        if rights.get("runAsNonRoot") is not True or rights.get("runAsUser") == 0:
            yield f"{place} is root, or could be"
        if rights.get("seccompProfile", {}).get("type") not in _SECCOMP:
            yield f"{place} has no profile of system calls"
        if own.get("procMount", "Default") != "Default":
            yield f"{place} sees all of /proc"
        options = rights.get("seLinuxOptions", {})
        if (
            options.get("type") not in _SELINUX
            or options.get("user")
            or options.get("role")
        ):
            yield f"{place} sets SELinux"
        if rights.get("appArmorProfile", {}).get("type") not in _APP_ARMOR:
            yield f"{place} is not confined by AppArmor"
        if any(port.get("hostPort") for port in container.get("ports", [])):
            yield f"{place} takes a port of the host"
        for hook in ("postStart", "preStop"):
            if "httpGet" in container.get("lifecycle", {}).get(hook, {}):
                asked = container["lifecycle"][hook]["httpGet"]
                if asked.get("host"):
                    yield f"{place} asks a host: {asked['host']}"
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            for kind in ("httpGet", "tcpSocket"):
                if container.get(probe, {}).get(kind, {}).get("host"):
                    yield f"{place} asks a host in its {probe}"
