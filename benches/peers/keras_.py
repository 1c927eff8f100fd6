"""Fashion-MNIST with Keras on the CPU."""

import os
import time

import common

args = common.arguments(__doc__)
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(args.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)

import keras
from keras import layers

keras.utils.set_random_seed(common.SEED)


def cnn():
    return [
        keras.Input((28, 28, 1)),
        # ReLU commutes with the maximum; after the pool it has a quarter of the work.
        layers.Conv2D(32, 3, padding="same"),
        layers.MaxPooling2D(2),
        layers.ReLU(),
        layers.Conv2D(64, 3, padding="same"),
        layers.MaxPooling2D(2),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10),
    ]


def dense():
    return [
        keras.Input((28, 28, 1)),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10),
    ]


class EpochClock(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.started)


(images, labels), (test_images, test_labels) = common.load(args.data_dir)
model = keras.Sequential(cnn() if args.model == "cnn" else dense())
model.compile(
    optimizer=keras.optimizers.Adam(common.LEARNING_RATE, epsilon=1e-8),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    # XLA's convolutions are slower than TensorFlow's own.
    jit_compile=args.model == "dense",
    # 430 steps an epoch: the last, partial batch is in the last execution.
    steps_per_execution=10,
)

# `fit` on one batch, so that no callback has to look at the batches of an epoch.
model.fit(images[: common.BATCH], labels[: common.BATCH], batch_size=common.BATCH, verbose=0)
first_batch_seconds = common.seconds_since_process_start()

clock = EpochClock()
model.fit(
    images, labels, batch_size=common.BATCH, epochs=args.epochs, verbose=0, callbacks=[clock]
)
peak = common.peak_rss_mib()


def evaluate(batch):
    logits = model.predict(test_images, batch_size=batch, verbose=0)
    return float((logits.argmax(1) == test_labels).mean())


common.report(
    args,
    "Keras",
    f"{keras.__version__} on TensorFlow {tf.__version__}",
    first_batch_seconds,
    clock.seconds,
    peak,
    common.fastest_evaluation(evaluate),
)
