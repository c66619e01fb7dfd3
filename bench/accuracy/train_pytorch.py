#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Trains a ResNet-20 on CIFAR-10 with PyTorch as `comdml train` with one agent does: same model, initialization, batches of
100, crop and flip, SGD with Nesterov momentum 0.9 and weight decay 5e-4, rate times 0.1 after each third of the epochs.

    python3 train_pytorch.py --data-dir DIR --seed 1 --out pytorch-1.jsonl

Writes one JSON object per epoch: round, train_loss, test_accuracy, test_loss, as comdml's metrics.jsonl does. Random
numbers differ from comdml's: means over seeds are compared, not runs. Needs PyTorch (1.13.1 was used) and numpy."""
import argparse
import importlib.util
import json
import math
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "make_golden.py"
MEAN, DEVIATION = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


def reference_models():
    """The networks that the golden values are made with."""
    spec = importlib.util.spec_from_file_location("make_golden", GOLDEN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(folder, names):
    records = np.concatenate([np.fromfile(folder / name, dtype=np.uint8).reshape(-1, 3073) for name in names])
    pixels = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255)
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    black = ((0 - mean) / deviation).view(3)
    return (pixels - mean) / deviation, torch.from_numpy(records[:, 0].astype(np.int64)), black


def augment(images, black, generator, padding=4):
    count, channels, height, width = images.shape
    padded = black.view(1, channels, 1, 1).repeat(count, 1, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding:-padding, padding:-padding] = images
    rows = torch.randint(0, 2 * padding + 1, (count, 1), generator=generator) + torch.arange(height)
    columns = torch.randint(0, 2 * padding + 1, (count, 1), generator=generator) + torch.arange(width)
    mirrored = torch.randint(0, 2, (count, 1), generator=generator).bool()
    columns = torch.where(mirrored, columns.flip(1), columns)
    which = torch.arange(count).view(-1, 1, 1)
    return padded.permute(0, 2, 3, 1)[which, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2).contiguous()


def initialize(model):
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.uniform_(module.bias, -bound, bound)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=pathlib.Path, required=True, help="folder of data_batch_1.bin .. test_batch.bin")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the metrics go")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)

    train, labels, black = read(options.data_dir, [f"data_batch_{i}.bin" for i in range(1, 6)])
    test, test_labels, _ = read(options.data_dir, ["test_batch.bin"])
    model = reference_models().resnet20(3, 10)
    initialize(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=options.learning_rate, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    third = max(1, (options.epochs + 2) // 3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, third, 0.1)
    with options.out.open("w") as out:
        for epoch in range(1, options.epochs + 1):
            model.train()
            total = 0.0
            order = torch.randperm(len(train), generator=generator)
            for batch in order.split(options.batch):
                loss = functional.cross_entropy(model(augment(train[batch], black, generator)), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
            schedule.step()
            model.eval()
            right, test_loss = 0, 0.0
            with torch.no_grad():
                for images, truth in zip(test.split(500), test_labels.split(500)):
                    logits = model(images)
                    right += (logits.argmax(1) == truth).sum().item()
                    test_loss += functional.cross_entropy(logits, truth, reduction="sum").item()
            metrics = {
                "round": epoch,
                "train_loss": total / len(train),
                "test_accuracy": right / len(test),
                "test_loss": test_loss / len(test),
            }
            print(json.dumps(metrics), file=out, flush=True)


if __name__ == "__main__":
    main()
