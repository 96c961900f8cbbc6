"""One of config/nets as a PyTorch module: the same layers, so that speeds are those of one and the same net."""

import torch
import yaml


def pair(parameters, name, default):
    """kernel_size and its like: one number, or NAME_h and NAME_w."""
    short = name.split("_", maxsplit=1)[0]
    if f"{short}_h" in parameters:
        return parameters[f"{short}_h"], parameters[f"{short}_w"]
    value = parameters.get(name, default)
    return value, value


def convolution(p):
    return torch.nn.LazyConv2d(p["num_output"], pair(p, "kernel_size", 1), pair(p, "stride", 1), pair(p, "pad", 0),
                               groups=p.get("group", 1), bias=p.get("bias_term", True))


def pooling(p):
    if p.get("global_pooling"):
        return torch.nn.AdaptiveAvgPool2d(1)
    kind = torch.nn.MaxPool2d if p.get("pool", "MAX") == "MAX" else torch.nn.AvgPool2d
    return kind(pair(p, "kernel_size", 1), pair(p, "stride", 1), pair(p, "pad", 0), ceil_mode=True)


def inner_product(p):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(p["num_output"]))


def module_of(layer):
    """None where a layer has nothing to learn or remember."""
    kind = layer["type"]
    if kind == "Convolution":
        return convolution(layer["convolution_param"])
    if kind == "Pooling":
        return pooling(layer["pooling_param"])
    if kind == "InnerProduct":
        return inner_product(layer["inner_product_param"])
    if kind == "ReLU":
        return torch.nn.ReLU(inplace=True)
    if kind == "LRN":
        p = layer["lrn_param"]
        return torch.nn.LocalResponseNorm(p["local_size"], p["alpha"], p["beta"], 1)
    if kind == "BatchNorm":
        p = layer["batch_norm_param"]
        return torch.nn.LazyBatchNorm2d(eps=float(p["eps"]), momentum=1 - p["moving_average_fraction"])
    if kind == "Dropout":
        return torch.nn.Dropout(layer["dropout_param"]["dropout_ratio"])
    return None


class CaffeNet(torch.nn.Module):
    """forward(images, labels) -> the weighted sum of the net's losses."""

    def __init__(self, path):
        super().__init__()
        with open(path, encoding="utf-8") as file:
            layers = yaml.safe_load(file)["layer"]
        self.layers = [layer for layer in layers if layer.get("include", {}).get("phase", "TRAIN") == "TRAIN"]
        data = next(layer for layer in self.layers if layer["type"] == "Data")
        channels, height, width = data["data_param"]["shape"]
        crop = data.get("transform_param", {}).get("crop_size")
        self.image_shape = (channels, crop or height, crop or width)
        self.classes = data["data_param"]["classes"]
        for number, layer in enumerate(self.layers):
            if layer["type"] not in ("Data", "Scale", "Concat", "Eltwise", "SoftmaxWithLoss", "Dropout", "BatchNorm",
                                     "LRN", "ReLU", "InnerProduct", "Pooling", "Convolution"):
                raise ValueError(f"{path}: layer type {layer['type']} is not known here")
            module = module_of(layer)
            if module is not None:
                self.add_module(f"layer{number}", module)

    def forward(self, images, labels):
        blobs = {"data": images}
        total = 0
        for number, layer in enumerate(self.layers):
            kind = layer["type"]
            if kind in ("Data", "Scale"):
                continue
            bottoms = layer["bottom"] if isinstance(layer["bottom"], list) else [layer["bottom"]]
            inputs = [blobs[name] for name in bottoms if name != "label"]
            if kind == "SoftmaxWithLoss":
                total = total + layer.get("loss_weight", 1) * torch.nn.functional.cross_entropy(inputs[0].flatten(1), labels)
                continue
            if kind == "Concat":
                output = torch.cat(inputs, 1)
            elif kind == "Eltwise":
                output = sum(inputs[1:], inputs[0])
            else:
                output = getattr(self, f"layer{number}")(inputs[0])
            blobs[layer["top"]] = output
        return total
