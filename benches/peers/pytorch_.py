"""Fashion-MNIST with PyTorch, on the CPU or with CUDA."""

import time

import common


def flags(parser):
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    parser.add_argument("--graph", action="store_true", help="whole steps as a CUDA graph")
    parser.add_argument("--images", type=int, help="train on the first ones only")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch-size", type=int, default=common.BATCH)


args = common.arguments(__doc__, flags)

common.keep_memory()

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(args.threads)
torch.manual_seed(common.SEED)
# fp32 all the way, as fmnist computes.
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding="same")
        self.conv2 = nn.Conv2d(32, 64, 3, padding="same")
        self.hidden = nn.Linear(3136, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        # ReLU commutes with the maximum; after the pool it has a quarter of the work.
        x = F.relu(F.max_pool2d(self.conv1(x), 2), inplace=True)
        x = F.relu(F.max_pool2d(self.conv2(x), 2), inplace=True)
        return self.output(F.relu(self.hidden(x.flatten(1)), inplace=True))


def dense():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(inplace=True), nn.Linear(128, 10))


(images, labels), (test_images, test_labels) = (
    # NHWC in memory, NCHW in shape: channels_last.
    (torch.from_numpy(x).permute(0, 3, 1, 2).to(args.device), torch.from_numpy(y).long().to(args.device))
    for x, y in common.load(args.data_dir)
)
images, labels = images[: args.images], labels[: args.images]
model = (Cnn() if args.model == "cnn" else dense()).to(args.device, memory_format=torch.channels_last)
optimizer = torch.optim.Adam(
    model.parameters(), lr=common.LEARNING_RATE, eps=1e-8, fused=True, capturable=args.graph
)


def loss_of(x, y):
    return F.cross_entropy(model(x), y)


def predict(x):
    return model(x)


if args.compile:
    loss_of, predict = torch.compile(loss_of), torch.compile(predict)


def step(indices):
    loss = loss_of(images[indices], labels[indices])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()


class Graph:
    """Steps on whole batches, captured once; what differs is copied to where the graph reads it."""

    def __init__(self):
        self.indices = torch.zeros(args.batch_size, dtype=torch.long, device=args.device)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                step(self.indices)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = step(self.indices)

    def __call__(self, indices):
        if len(indices) < args.batch_size:
            return step(indices)
        self.indices.copy_(indices)
        self.graph.replay()
        return self.loss


take_step = Graph() if args.graph else step


def evaluate(batch):
    with torch.inference_mode():
        correct = sum(
            (predict(x).argmax(1) == y).sum()
            for x, y in zip(test_images.split(batch), test_labels.split(batch))
        )
        return correct.item() / len(test_labels)


def wait():
    if args.device == "cuda":
        torch.cuda.synchronize()


first_batch_seconds = None
epoch_seconds = []
for _ in range(args.epochs):
    started = time.perf_counter()
    total = torch.zeros((), device=args.device)
    for indices in torch.randperm(len(labels), device=args.device).split(args.batch_size):
        total += take_step(indices)
        if first_batch_seconds is None:
            wait()
            first_batch_seconds = common.seconds_since_process_start()
    wait()
    epoch_seconds.append(time.perf_counter() - started)

peak = common.peak_rss_mib()
name = "PyTorch" + " compile" * args.compile + " graph" * args.graph
common.report(
    args,
    name,
    torch.__version__,
    first_batch_seconds,
    epoch_seconds,
    peak,
    common.fastest_evaluation(evaluate),
)
