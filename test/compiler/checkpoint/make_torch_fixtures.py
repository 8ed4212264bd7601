#!/usr/bin/env python3
# Makes the files of torch/ with a real PyTorch (they were made with 1.13.1).
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The tests need only the files; run this again to change them:
#   python3 make_torch_fixtures.py torch
#
# odd.pth        every element type, views, shared storages, parameters
# odd.json       what PyTorch reads back from it
# training.pth   model, optimizer and scheduler of a short training run
# training.json  the same of its model_state_dict
# legacy.pth, module.pth, script.pth: what is refused

import json
import os
import sys

import torch


def describe(state):
    result = {}
    for name, tensor in state.items():
        exact = tensor.detach()
        values = exact.double() if exact.is_floating_point() else exact.long()
        result[name] = {
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "strides": list(tensor.stride()),
            "values": values.reshape(-1).tolist(),
        }
    return result


def write(folder, name, state, whole=None):
    torch.save(state if whole is None else whole, os.path.join(folder, name + ".pth"))
    with open(os.path.join(folder, name + ".json"), "w") as file:
        json.dump(describe(state), file, indent=0, sort_keys=True)
        file.write("\n")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.first(x))


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(7)
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8 - 1
    cube = torch.randn(2, 3, 4)
    write(folder, "odd", {
        "base": base,
        "transposed": base.t(),
        "column": base[:, 2],
        "steps": base[1::2, ::3],
        "tail": base[3],
        "expanded": torch.tensor([1.5, -2.0]).expand(3, 2),
        "permuted": cube.permute(2, 0, 1),
        "scalar": torch.tensor(2.75),
        "empty": torch.zeros(0, 5),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "half": torch.randn(3).half(),
        "bfloat": torch.randn(3).bfloat16(),
        "double": torch.randn(2).double(),
        "long": torch.tensor([[1, -2, 2**40]]),
        "int": torch.tensor([-7, 7], dtype=torch.int32),
        "short": torch.tensor([-300, 300], dtype=torch.int16),
        "char": torch.tensor([-128, 127], dtype=torch.int8),
        "byte": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
    })

    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.randn(5, 3)).square().sum().backward()
        optimizer.step()
        scheduler.step()
    state = net.state_dict()
    write(folder, "training", state, {
        "epoch": 3, "loss": 0.25, "best": None, "history": [1.0, 0.5],
        "model_state_dict": state, "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": scheduler.state_dict(),
    })
    small = {"weight": torch.ones(2)}
    torch.save(small, os.path.join(folder, "legacy.pth"), _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(1, 1), os.path.join(folder, "module.pth"))
    torch.jit.script(torch.nn.Linear(1, 1)).save(os.path.join(folder, "script.pth"))


if __name__ == "__main__":
    main()
