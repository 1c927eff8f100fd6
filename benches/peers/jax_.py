"""Fashion-MNIST with JAX on the CPU: `lax.scan` over the epoch, Adam by hand."""

import functools
import math
import os
import time

import common

args = common.arguments(__doc__)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
from jax import lax


def linear_init(key, *shape):
    """Weight and bias, uniform in ±1/√fan-in; the last axis of `shape` is the output's."""
    bound = 1 / math.sqrt(math.prod(shape[:-1]))
    weight, bias = jax.random.split(key)
    return (
        jax.random.uniform(weight, shape, minval=-bound, maxval=bound),
        jax.random.uniform(bias, shape[-1:], minval=-bound, maxval=bound),
    )


def init(key):
    keys = jax.random.split(key, 4)
    shapes = {
        "cnn": [(3, 3, 1, 32), (3, 3, 32, 64), (3136, 128), (128, 10)],
        "dense": [(784, 128), (128, 10)],
    }[args.model]
    return [linear_init(key, *shape) for key, shape in zip(keys, shapes)]


def conv(x, weight, bias):
    """Convolution 3×3 "same", NHWC, as one product with the patches.

    On the CPU the gradients of `lax.conv_general_dilated` take several times as long.
    """
    _, height, width, _ = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    patches = jnp.concatenate(shifted, axis=-1)
    return patches @ weight.reshape(-1, weight.shape[-1]) + bias


def pool_relu(x):
    n, height, width, channels = x.shape
    # ReLU commutes with the maximum; after the pool it has a quarter of the work.
    x = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    top = jnp.maximum(x[:, :, 0, :, 0], x[:, :, 0, :, 1])
    bottom = jnp.maximum(x[:, :, 1, :, 0], x[:, :, 1, :, 1])
    return jax.nn.relu(jnp.maximum(top, bottom))


def forward(parameters, x):
    *convolutions, (hidden, hidden_bias), (output, output_bias) = parameters
    for weight, bias in convolutions:
        x = pool_relu(conv(x, weight, bias))
    x = jax.nn.relu(x.reshape(len(x), -1) @ hidden + hidden_bias)
    return x @ output + output_bias


def loss_of(parameters, x, y):
    log_probabilities = jax.nn.log_softmax(forward(parameters, x))
    return -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()


def adam(state, gradients):
    parameters, first, second, t = state
    t = t + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    correction1, correction2 = 1 - 0.9**t, 1 - 0.999**t

    def update(p, m, v):
        return p - common.LEARNING_RATE * (m / correction1) / (jnp.sqrt(v / correction2) + 1e-8)

    return jax.tree.map(update, parameters, first, second), first, second, t


def step(state, indices, images, labels):
    loss, gradients = jax.value_and_grad(loss_of)(state[0], images[indices], labels[indices])
    return adam(state, gradients), loss


@functools.partial(jax.jit, donate_argnums=0)
def train_epoch(state, key, images, labels):
    order = jax.random.permutation(key, len(labels))
    full = len(order) // common.BATCH * common.BATCH
    state, losses = lax.scan(
        lambda state, indices: step(state, indices, images, labels),
        state,
        order[:full].reshape(-1, common.BATCH),
    )
    if full < len(order):
        # A scan's steps are all of one shape: the last, partial batch comes after it.
        state, _ = step(state, order[full:], images, labels)
    return state, losses.mean()


@functools.partial(jax.jit, static_argnums=3)
def accuracy(parameters, images, labels, batch):
    batches = images.reshape(-1, batch, *images.shape[1:])
    logits = lax.map(lambda x: forward(parameters, x), batches)
    return (logits.reshape(len(labels), -1).argmax(1) == labels).mean()


(images, labels), (test_images, test_labels) = (
    (jnp.asarray(x), jnp.asarray(y)) for x, y in common.load(args.data_dir)
)
init_key, *epoch_keys = jax.random.split(jax.random.key(common.SEED), 1 + args.epochs)
parameters = init(init_key)
zeros = jax.tree.map(jnp.zeros_like, parameters)
state = (parameters, zeros, jax.tree.map(jnp.zeros_like, parameters), jnp.zeros((), jnp.float32))

# A scan doesn't show its steps. The first one is timed as a program of its own, result unused.
jax.block_until_ready(jax.jit(step)(state, jnp.arange(common.BATCH), images, labels))
first_batch_seconds = common.seconds_since_process_start()

epoch_seconds = []
for key in epoch_keys:
    started = time.perf_counter()
    state, loss = jax.block_until_ready(train_epoch(state, key, images, labels))
    epoch_seconds.append(time.perf_counter() - started)

peak = common.peak_rss_mib()


def evaluate(batch):
    return accuracy(state[0], test_images, test_labels, batch).item()


common.report(
    args,
    "JAX",
    jax.__version__,
    first_batch_seconds,
    epoch_seconds,
    peak,
    common.fastest_evaluation(evaluate),
)
