"""Modules in TF1-Hub form, made as google/elmo is: its names, its signatures.

The biLM stands here once more, in TF1 graph ops with loops of TF1's control flow,
after the published description; nothing is shared with the package but the names of
the variables. States start from zeros and are not kept.
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
# ModuleDef of tensorflow_hub/module_def.proto: field 1, the format, is FORMAT_V3 = 3.
HUB_MARKER = b"\x08\x03"
_BOS, _EOS, _BOW, _EOW, _PAD = 256, 257, 258, 259, 260  # before the shift by one
GOOGLE = ("aggregation/weights", "aggregation/scaling")
# As bilm-tf's code names them, for a mix that is called elmo_output.
DEEPPAVLOV = ("aggregation/elmo_output_ELMo_W", "aggregation/elmo_output_ELMo_gamma")
_VARIABLES = {"W_0": "kernel", "B": "bias", "W_P_0": "projection/kernel"}


def write_hub_module(
    folder,
    model,
    *,
    prefix="",
    rename=None,
    drop=(),
    mix=(0, 0, 0),
    mix_names=GOOGLE,
    gamma=1.0,
):
    """Writes a module in TF1-Hub form.

    Args:
        folder: Of the module; its variables stand after `prefix` + `bilm/`.
        model: Folder of options.json and weights.hdf5.
        prefix: Before every variable's name.
        rename: If given, stands where `bilm` stood.
        drop: Signatures that are not written.
        mix: The aggregation weights.
        mix_names: Those of the aggregation's weights and of its factor.
        gamma: The factor, in the shape that it shall have.

    Returns:
        The folder.
    """
    options = json.loads((Path(model) / "options.json").read_text())
    v1.disable_control_flow_v2()  # google/elmo was made before it
    try:
        with tf.Graph().as_default(), v1.Session() as session:
            aggregation = dict(
                zip((prefix + name for name in mix_names), (mix, gamma), strict=True)
            )
            graph = _Graph(options, _variables(model, prefix, rename), aggregation)
            signatures = {
                "default": graph.signature(strings=v1.placeholder(tf.string, [None])),
                "tokens": graph.signature(
                    tokens=v1.placeholder(tf.string, [None, None]),
                    sequence_len=v1.placeholder(tf.int32, [None]),
                ),
            }
            session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(str(folder))
            builder.add_meta_graph_and_variables(
                session,
                tags=[],
                signature_def_map={
                    name: signature
                    for name, signature in signatures.items()
                    if name not in drop
                },
                strip_default_attrs=True,
            )
            builder.save()
    finally:
        v1.enable_control_flow_v2()
    (Path(folder) / "tfhub_module.pb").write_bytes(HUB_MARKER)
    return folder


def _variables(model, prefix, rename):
    """Returns a variable for each tensor of the hdf5 file, by the file's path."""
    variables = {}

    def add(path, item):
        if not isinstance(item, h5py.Dataset):
            return
        value = np.asarray(item)
        name = path
        if "LSTMCell/" in path:
            head, _, last = path.rpartition("LSTMCell/")
            name = f"{head}rnn/lstm_cell/{_VARIABLES[last]}"
        if path == "char_embed":
            value = np.concatenate([np.zeros_like(value[:1]), value])
        name = f"{prefix}{rename or 'bilm'}/{name}"
        variables[path] = v1.get_variable(name, initializer=value, use_resource=True)

    with h5py.File(Path(model) / "weights.hdf5") as file:
        file.visititems(add)
    return variables


class _Graph:
    def __init__(self, options, variables, aggregation) -> None:
        self.cnn, self.lstm = options["char_cnn"], options["lstm"]
        self.variables = variables
        self.mix, self.scaling = (
            v1.get_variable(name, initializer=np.asarray(value, np.float32))
            for name, value in aggregation.items()
        )

    def signature(self, **inputs):
        if "strings" in inputs:
            words = v1.string_split(inputs["strings"], " ")  # leaves out empty ones
            tokens = v1.sparse_tensor_to_dense(words, "")
            lengths = tf.reduce_sum(tf.cast(tf.not_equal(tokens, ""), tf.int32), axis=1)
        else:
            tokens, lengths = inputs["tokens"], inputs["sequence_len"]
        outputs = self.run(tokens, lengths)
        info = v1.saved_model.utils.build_tensor_info
        return v1.saved_model.signature_def_utils.build_signature_def(
            {name: info(tensor) for name, tensor in inputs.items()},
            {name: info(tensor) for name, tensor in outputs.items()},
            "signature",
        )

    def run(self, tokens, lengths):
        batch, time = tf.shape(tokens)[0], tf.shape(tokens)[1]
        ids = self.spell(tf.reshape(tokens, [-1]))
        ids = tf.reshape(ids, [batch, time, self.cnn["max_characters_per_token"]])
        ids = self.wrap(ids, lengths)
        vectors = self.encode(ids)
        ahead = self.direction(0, vectors, lengths + 2)
        behind = self.direction(
            1, tf.reverse_sequence(vectors, lengths + 2, seq_axis=1), lengths + 2
        )
        layers = [tf.concat([vectors, vectors], -1)]
        for one, other in zip(ahead, behind, strict=True):
            other = tf.reverse_sequence(other, lengths + 2, seq_axis=1)
            layers.append(tf.concat([one, other], -1))
        mask = tf.sequence_mask(lengths, time, tf.float32)[:, :, None]
        layers = [layer[:, 1:-1] for layer in layers]
        # As in bilm-tf, the token vectors of padding are not zero.
        word_emb = layers[0][..., : self.lstm["projection_dim"]]
        shares = tf.unstack(tf.nn.softmax(self.mix))
        elmo = self.scaling * tf.add_n(
            [s * layer * mask for s, layer in zip(shares, layers, strict=True)]
        )
        count = tf.cast(tf.maximum(lengths, 1), tf.float32)[:, None]
        return {
            "word_emb": word_emb,
            "lstm_outputs1": layers[1] * mask,
            "lstm_outputs2": layers[2] * mask,
            "elmo": elmo,
            "default": tf.reduce_sum(elmo, 1) / count,
            "sequence_len": lengths,
        }

    def spell(self, words):
        size = self.cnn["max_characters_per_token"]
        letters = tf.io.decode_raw(words, tf.uint8, fixed_length=size - 2)
        length = tf.minimum(tf.strings.length(words), size - 2)
        is_letter = tf.sequence_mask(length, size - 2)
        letters = tf.where(is_letter, tf.cast(letters, tf.int32), _PAD)
        ids = tf.pad(letters, [[0, 0], [1, 1]], constant_values=_PAD)
        at_end = tf.one_hot(length + 1, size, on_value=True, off_value=False)
        ids = tf.where(at_end, _EOW, ids)
        return tf.concat([tf.fill([tf.size(words), 1], _BOW), ids[:, 1:]], 1) + 1

    def wrap(self, ids, lengths):
        size = self.cnn["max_characters_per_token"]
        rest = [_EOW] + [_PAD] * (size - 3)
        begin, end = ([x + 1 for x in (_BOW, mark, *rest)] for mark in (_BOS, _EOS))
        wide = tf.pad(ids, [[0, 0], [1, 1], [0, 0]])
        time = tf.shape(wide)[1]
        real = tf.sequence_mask(lengths + 1, time)[:, :, None]
        wide = tf.where(real, wide, 0)
        at_end = tf.one_hot(lengths + 1, time, on_value=True, off_value=False)
        wide = tf.where(at_end[:, :, None], tf.constant(end), wide)
        first = tf.equal(tf.range(time), 0)[None, :, None]
        return tf.where(first, tf.constant(begin), wide)

    def encode(self, ids):
        w = self.variables
        shape = tf.shape(ids)
        x = tf.nn.embedding_lookup(w["char_embed"], tf.reshape(ids, [-1, shape[2]]))
        x = x[:, None]  # (tokens, 1, characters, width)
        x.set_shape([None, 1, self.cnn["max_characters_per_token"], None])
        pooled = []
        for i in range(len(self.cnn["filters"])):
            y = tf.nn.conv2d(x, w[f"CNN/W_cnn_{i}"], strides=1, padding="VALID")
            pooled.append(tf.reduce_max(y + w[f"CNN/b_cnn_{i}"], [1, 2]))
        y = tf.nn.relu(tf.concat(pooled, -1))
        for i in range(self.cnn["n_highway"]):
            high = f"CNN_high_{i}"
            gate = tf.sigmoid(y @ w[f"{high}/W_carry"] + w[f"{high}/b_carry"])
            new = tf.nn.relu(y @ w[f"{high}/W_transform"] + w[f"{high}/b_transform"])
            y = gate * new + (1 - gate) * y
        if "CNN_proj/W_proj" in w:
            y = y @ w["CNN_proj/W_proj"] + w["CNN_proj/b_proj"]
        return tf.reshape(y, [shape[0], shape[1], self.lstm["projection_dim"]])

    def direction(self, number, inputs, lengths):
        outputs = []
        for layer in range(self.lstm["n_layers"]):
            cell = f"RNN_{number}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            output = self.loop(cell, inputs, lengths)
            if layer and self.lstm["use_skip_connections"]:
                output = output + inputs
            outputs.append(output)
            inputs = output
        return outputs

    def loop(self, cell, inputs, lengths):
        kernel, bias = self.variables[f"{cell}/W_0"], self.variables[f"{cell}/B"]
        project = self.variables[f"{cell}/W_P_0"]
        clip, half = self.lstm["cell_clip"], self.lstm["projection_dim"]
        batch, time = tf.shape(inputs)[0], tf.shape(inputs)[1]
        steps = tf.TensorArray(tf.float32, time).unstack(
            tf.transpose(inputs, [1, 0, 2])
        )

        def step(at, c, h, written):
            x = tf.ensure_shape(steps.read(at), [None, half])
            z = tf.concat([x, h], 1) @ kernel + bias
            i, j, f, o = tf.split(z, 4, axis=1)
            c_new = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
            c_new = tf.clip_by_value(c_new, -clip, clip)
            h_new = (tf.sigmoid(o) * tf.tanh(c_new)) @ project
            bound = self.lstm["proj_clip"]
            h_new = tf.clip_by_value(h_new, -bound, bound)
            real = (at < lengths)[:, None]
            written = written.write(at, tf.where(real, h_new, 0.0))
            return (
                at + 1,
                tf.where(real, c_new, c),
                tf.where(real, h_new, h),
                written,
            )

        zeros = [tf.zeros([batch, dim]) for dim in (self.lstm["dim"], half)]
        *_, written = v1.while_loop(
            lambda at, *_: at < time,
            step,
            (0, *zeros, tf.TensorArray(tf.float32, time)),
        )
        output = tf.transpose(written.stack(), [1, 0, 2])
        return tf.ensure_shape(output, [None, None, half])
