#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Computes with PyTorch the figures that test_golden compares this library with: python3 make_golden.py [FOLDER]

Needs PyTorch (made with 1.13.1, CPU) and numpy; the tests need only the files. One line of a file is `label: values`.
Everything is computed in double from inputs that are exact in float, so that a run in float may use them too.

No random numbers: every input follows from the formula below, which golden.hpp repeats. A draw is value i of a stream;
mix() is the finalizer of SplitMix64 (Steele, Lea, Flood 2014), all arithmetic modulo 2^64:

    draw(stream, i) = mix(mix(stream) + (i + 1) 0x9E3779B97F4A7C15)        stream = 2^32 seed + number
    unit(stream, i) = (draw >> 40) / 2^23 - 1                              in [-1, 1), exact in float

number        gives
t             values of tensor t of the model, counted in the order of state_dict (without num_batches_tracked), rounded
              to float: unit x sqrt(6 / fan_out) for convolutions, unit / sqrt(fan_in) for linear weights; other
              one-dimensional tensors: 1 + unit / 4 for `weight` and `running_var`, unit / 4 for the rest
10000 + b     pixels of batch b, in NHWC order: 2 unit
20000 + b     labels of batch b: draw mod classes
30000 + t     where tensor t is sampled: at positions draw mod (size of the tensor), in PyTorch's own order of values
30000 + T     the same for the gradient of the pixels, in NHWC order; T = number of tensors
"""
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def mix(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class Formula:
    def __init__(self, seed):
        self.seed = seed

    def draws(self, number, count):
        stream = np.array([(self.seed << 32) + number], dtype=np.uint64)
        return mix(mix(stream) + np.arange(1, count + 1, dtype=np.uint64) * GOLDEN_GAMMA)

    def units(self, number, count):
        return (self.draws(number, count) >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1

    def tensor(self, number, name, shape):
        values = self.units(number, int(np.prod(shape)))
        if len(shape) == 4:
            values *= np.sqrt(6.0 / (shape[0] * shape[2] * shape[3]))
        elif len(shape) == 2:
            values /= np.sqrt(float(shape[1]))
        elif name.endswith(("weight", "running_var")):
            values = 1 + values / 4
        else:
            values /= 4
        return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))

    def images(self, batch, count, height, width, channels):
        values = 2 * self.units(10000 + batch, count * height * width * channels)
        return torch.from_numpy(values.reshape(count, height, width, channels)).permute(0, 3, 1, 2).contiguous()

    def labels(self, batch, count, classes):
        return torch.from_numpy((self.draws(20000 + batch, count) % np.uint64(classes)).astype(np.int64))

    def positions(self, number, count, size):
        return (self.draws(30000 + number, count) % np.uint64(size)).astype(np.int64)


class IdentityPadded(nn.Module):
    """He et al. 2016, option A: every stride-th pixel, zero channels in front and behind."""

    def __init__(self, added, stride):
        super().__init__()
        self.added, self.stride = added, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return functional.pad(x, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = convolution(inputs, planes, 3, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = convolution(planes, planes, 3), nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.shortcut = nn.Identity() if stride == 1 else IdentityPadded(planes - inputs, stride)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class BottleneckBlock(nn.Module):
    expansion = 4

    def __init__(self, inputs, planes, stride):
        super().__init__()
        outputs = planes * self.expansion
        self.conv1, self.bn1 = convolution(inputs, planes, 1), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = convolution(planes, planes, 3, stride), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = convolution(planes, outputs, 1), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, block, stages, channels, classes):
        """stages: (planes, blocks, stride of the first block)"""
        super().__init__()
        self.conv1, self.bn1, self.relu = convolution(channels, 16, 3), nn.BatchNorm2d(16), nn.ReLU()
        width = 16
        self.stages = []
        for number, (planes, blocks, stride) in enumerate(stages, 1):
            layers = []
            for i in range(blocks):
                layers.append(block(width, planes, stride if i == 0 else 1))
                width = planes * block.expansion
            setattr(self, f"layer{number}", nn.Sequential(*layers))
            self.stages.append(getattr(self, f"layer{number}"))
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        for stage in self.stages:
            x = stage(x)
        return self.fc(x.mean((2, 3)))


def resnet20(channels, classes):
    return ResNet(BasicBlock, [(16, 3, 1), (32, 3, 2), (64, 3, 2)], channels, classes)


def bottleneck56(channels, classes):
    stages = [(16, 3, 1), (16, 3, 1), (32, 3, 2), (32, 3, 1), (64, 3, 2), (64, 3, 1)]
    return ResNet(BottleneckBlock, stages, channels, classes)


class Case:
    def __init__(self, make, seed, images, height, width, channels, classes, samples):
        self.formula, self.images, self.samples = Formula(seed), images, samples
        self.shape, self.classes, self.make = (height, width, channels), classes, make
        self.lines = [("case", [seed, images, height, width, channels, classes, samples])]

    def model(self):
        model = self.make(self.shape[2], self.classes).double().train()
        state = model.state_dict()
        self.names = [name for name in state if not name.endswith("num_batches_tracked")]
        for number, name in enumerate(self.names):
            state[name].copy_(self.formula.tensor(number, name, tuple(state[name].shape)))
        return model

    def batch(self, number):
        return (
            self.formula.images(number, self.images, *self.shape),
            self.formula.labels(number, self.images, self.classes),
        )

    def add(self, label, values):
        self.lines.append((label, np.atleast_1d(np.asarray(values)).tolist()))

    def add_tensor(self, label, number, tensor):
        """The Euclidean norm, then the samples."""
        flat = tensor.detach().numpy().reshape(-1)
        at = self.formula.positions(number, self.samples, flat.size)
        self.add(label, np.concatenate([[np.sqrt(np.sum(flat**2))], flat[at]]))

    def smallest_before_relu(self):
        model, smallest = self.model(), []
        for module in model.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_pre_hook(lambda _, inputs: smallest.append(inputs[0].abs().min().item()))
        model(self.batch(0)[0])
        return min(smallest)

    def gradients(self):
        model = self.model()
        images, labels = self.batch(0)
        images.requires_grad_()
        logits = model(images)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()
        self.add("logits", logits.detach().numpy().reshape(-1))
        self.add("loss", loss.item())
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        for number, name in enumerate(self.names):
            if name in gradients:
                self.add_tensor(f"gradient {name}", number, gradients[name])
            else:
                self.add_tensor(f"forward {name}", number, model.state_dict()[name])
        self.add_tensor("gradient pixels", len(self.names), images.grad.permute(0, 2, 3, 1))

    def train(self, make_optimizer, model):
        """Ten steps; step s uses batch s. The losses."""
        losses = []
        optimizer = make_optimizer(model.parameters())
        for step in range(10):
            images, labels = self.batch(step)
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return np.array(losses)

    def steps(self, label, make_optimizer):
        """Ten steps, then the outputs for batch 0 from the running statistics. Training may be chaotic: refuses steps
        in which PyTorch does not agree with itself after a change in the last bits of the weights."""
        model, other = self.model(), self.model()
        losses = self.train(make_optimizer, model)
        with torch.no_grad():
            for number, parameter in enumerate(other.parameters()):
                changes = torch.from_numpy(self.formula.units(40000 + number, parameter.numel()))
                parameter *= 1 + 2.0**-51 * changes.reshape(parameter.shape)
        change = np.max(np.abs(self.train(make_optimizer, other) / losses - 1))
        for a, b in zip(model.state_dict().values(), other.state_dict().values()):
            change = max(change, ((a - b).double().norm() / b.double().norm()).item())
        print(f"{label}: losses {losses.round(2)}, last bits change them by {change:.1e}")
        if change > 1e-11:
            raise SystemExit(f"{label} is chaotic: take smaller steps")

        self.add(f"{label} losses", losses)
        for number, name in enumerate(self.names):
            self.add_tensor(f"{label} {name}", number, model.state_dict()[name])
        with torch.no_grad():
            self.add(f"{label} inferred", model.eval()(self.batch(0)[0]).numpy().reshape(-1))


def train_both(case, sgd_rate, adam_rate):
    case.add("rates", [sgd_rate, adam_rate])
    case.steps(
        "sgd", lambda weights: torch.optim.SGD(weights, lr=sgd_rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    )
    case.steps("adam", lambda weights: torch.optim.Adam(weights, lr=adam_rate, weight_decay=5e-4, amsgrad=True))


def optimizers():
    """Ten steps of 16 weights in every mode. Weights are unit(0, i), gradients of step s are
    unit(1 + s, i) / (1 + s): they shrink, so that AMSGrad's maximum differs from the mean."""
    formula, size, lines = Formula(1), 16, []
    for decay in (0.0, 0.01):
        modes = [
            (f"sgd {m:g} {int(n)} {decay:g}", torch.optim.SGD, dict(lr=0.1, momentum=m, nesterov=n, weight_decay=decay))
            for m, n in ((0.0, False), (0.9, False), (0.9, True))
        ] + [
            (f"adam {int(a)} {decay:g}", torch.optim.Adam, dict(lr=0.01, amsgrad=a, weight_decay=decay))
            for a in (False, True)
        ]
        for label, make, options in modes:
            weights = torch.from_numpy(formula.units(0, size)).requires_grad_()
            optimizer = make([weights], **options)
            for step in range(10):
                weights.grad = torch.from_numpy(formula.units(1 + step, size) / (1 + step))
                optimizer.step()
            lines.append((label, weights.detach().numpy().tolist()))
    return lines


def write(path, lines):
    path.write_text("".join(f"{label}: {' '.join(f'{value:.15g}' for value in values)}\n" for label, values in lines))
    print(path, path.stat().st_size, "bytes")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    torch.set_num_threads(1)

    case = Case(resnet20, seed=1, images=2, height=32, width=32, channels=3, classes=10, samples=16)
    case.gradients()
    train_both(case, sgd_rate=0.02, adam_rate=1e-3)
    write(folder / "resnet20.txt", case.lines)

    case = Case(bottleneck56, seed=2, images=6, height=15, width=18, channels=3, classes=10, samples=16)
    case.gradients()
    train_both(case, sgd_rate=2e-4, adam_rate=1e-3)
    write(folder / "bottleneck56.txt", case.lines)

    # In float, a value that comes to zero from the other side turns a gradient on or off: the first seed is taken with
    # which none comes near. With 32x32 pixels, ten times as many values, there is hardly one.
    margin, seed = 1.1e-4, 1
    small = dict(images=4, height=8, width=12, channels=1, classes=7, samples=16)
    while Case(resnet20, seed, **small).smallest_before_relu() < margin:
        seed += 1
    case = Case(resnet20, seed, **small)
    case.gradients()
    write(folder / "resnet20_small.txt", case.lines)

    write(folder / "optimizers.txt", optimizers())


if __name__ == "__main__":
    main()
