#!/usr/bin/env python3
"""Writes the nets of config/nets that repeat themselves too much to be written by hand.

Usage: scripts/make_nets.py [FOLDER]     (FOLDER: config/nets)

VGG19 (Simonyan & Zisserman, ICLR'15), VGG19-22K (its last layer as wide as ImageNet-22K, Zhang et al., ATC'17), GoogLeNet
(Szegedy et al., CVPR'15), Inception-V3 (Szegedy et al., CVPR'16), ResNet-50 and ResNet-152 (He et al., CVPR'16).
"""

import os
import sys

RATES = [{"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}]
MEAN = [104, 117, 123]


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(text(item) for item in value) + "]"
    return str(value)


class Net:
    """Lines of a net, and the output of the layer that was added last."""

    def __init__(self, name, comment, batch, test_batch, crop, record, classes):
        self.lines = [f"# {line}" for line in comment.splitlines()] + [f"name: {name}", "layer:"]
        self.top = "data"
        for phase, size in (("TRAIN", batch), ("TEST", test_batch)):
            transform = {"mirror": phase == "TRAIN", "crop_size": crop, "mean_value": MEAN}
            self.lines.append("  - " + text({
                "name": "data", "type": "Data", "top": ["data", "label"], "include": {"phase": phase},
                "transform_param": transform,
                "data_param": {"batch_size": size, "shape": [3, record, record], "classes": classes}}))

    def add(self, name, kind, bottom=None, top=None, **rest):
        bottom = self.top if bottom is None else bottom
        self.top = name if top is None else top
        self.lines.append("  - " + text({"name": name, "type": kind, "bottom": bottom, "top": self.top, **rest}))
        return self.top

    def convolution(self, name, outputs, kernel, bottom=None, stride=1, pad=0, bias=True, filler=None):
        options = {"num_output": outputs}
        if isinstance(kernel, tuple):
            options.update({"kernel_h": kernel[0], "kernel_w": kernel[1]})
        else:
            options["kernel_size"] = kernel
        if isinstance(pad, tuple):
            options.update({"pad_h": pad[0], "pad_w": pad[1]})
        elif pad:
            options["pad"] = pad
        if stride != 1:
            options["stride"] = stride
        if not bias:
            options["bias_term"] = False
        options["weight_filler"] = filler or {"type": "msra"}
        if bias:
            options["bias_filler"] = {"type": "constant", "value": 0 if filler is None else 0.2}
        return self.add(name, "Convolution", bottom, param=RATES if bias else RATES[:1], convolution_param=options)

    def relu(self, name):
        return self.add(name, "ReLU", top=self.top)

    def pool(self, name, method, kernel, stride, pad=0, bottom=None):
        options = {"pool": method, "kernel_size": kernel, "stride": stride}
        if pad:
            options["pad"] = pad
        return self.add(name, "Pooling", bottom, pooling_param=options)

    def inner_product(self, name, outputs, std=None, bottom=None):
        filler = {"type": "xavier"} if std is None else {"type": "gaussian", "std": std}
        return self.add(name, "InnerProduct", bottom, param=RATES,
                        inner_product_param={"num_output": outputs, "weight_filler": filler,
                                             "bias_filler": {"type": "constant", "value": 0}})

    def batch_norm(self, name, momentum=0.9, epsilon=1e-5):
        """Normalisation in place, with scale and shift."""
        self.add("bn" + name, "BatchNorm", top=self.top,
                 batch_norm_param={"moving_average_fraction": momentum, "eps": epsilon})
        self.add("scale" + name, "Scale", top=self.top, scale_param={"bias_term": True})

    def dropout(self, name, ratio):
        return self.add(name, "Dropout", top=self.top, dropout_param={"dropout_ratio": ratio})

    def losses(self, classifier, prefix="", weight=1):
        """Loss, and accuracy in the test phase."""
        rest = {} if weight == 1 else {"loss_weight": weight}
        self.add(prefix + "loss", "SoftmaxWithLoss", [classifier, "label"], **rest)
        for k in (1, 5):
            name = prefix + ("accuracy" if k == 1 else "accuracy_top5")
            self.add(name, "Accuracy", [classifier, "label"], include={"phase": "TEST"}, accuracy_param={"top_k": k})

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")


def vgg19(classes, name, comment):
    net = Net(name, comment, 32, 32, 224, 256, classes)
    for block, (convolutions, outputs) in enumerate(((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), 1):
        for number in range(1, convolutions + 1):
            net.convolution(f"conv{block}_{number}", outputs, 3, pad=1)
            net.relu(f"relu{block}_{number}")
        net.pool(f"pool{block}", "MAX", 2, 2)
    for number in (6, 7):
        net.inner_product(f"fc{number}", 4096, std=0.005)
        net.relu(f"relu{number}")
        net.dropout(f"drop{number}", 0.5)
    net.losses(net.inner_product("fc8", classes, std=0.01))
    return net


def inception(net, name, bottom, widths):
    """GoogLeNet's module: 1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 pool then 1x1."""
    one, three_reduce, three, five_reduce, five, projection = widths
    xavier = {"type": "xavier"}
    branches = []

    def conv(suffix, outputs, kernel, source, pad=0):
        net.convolution(f"{name}/{suffix}", outputs, kernel, bottom=source, pad=pad, filler=xavier)
        return net.relu(f"{name}/relu_{suffix}")

    branches.append(conv("1x1", one, 1, bottom))
    branches.append(conv("3x3", three, 3, conv("3x3_reduce", three_reduce, 1, bottom), 1))
    branches.append(conv("5x5", five, 5, conv("5x5_reduce", five_reduce, 1, bottom), 2))
    branches.append(conv("pool_proj", projection, 1, net.pool(f"{name}/pool", "MAX", 3, 1, 1, bottom)))
    return net.add(f"{name}/output", "Concat", branches)


def googlenet():
    net = Net("GoogLeNet", "GoogLeNet (Szegedy et al., CVPR'15), as Caffe's model zoo has it.", 128, 50, 224, 256, 1000)
    xavier = {"type": "xavier"}

    def conv(name, outputs, kernel, stride=1, pad=0):
        net.convolution(name, outputs, kernel, stride=stride, pad=pad, filler=xavier)
        net.relu(name.replace("/", "/relu_", 1))

    def norm(name):
        net.add(name, "LRN", lrn_param={"local_size": 5, "alpha": 0.0001, "beta": 0.75})

    def head(number, bottom):
        net.pool(f"loss{number}/ave_pool", "AVE", 5, 3, bottom=bottom)
        net.convolution(f"loss{number}/conv", 128, 1, filler=xavier)
        net.relu(f"loss{number}/relu_conv")
        net.inner_product(f"loss{number}/fc", 1024)
        net.relu(f"loss{number}/relu_fc")
        net.dropout(f"loss{number}/drop_fc", 0.7)
        classifier = net.inner_product(f"loss{number}/classifier", 1000)
        net.add(f"loss{number}/loss", "SoftmaxWithLoss", [classifier, "label"], loss_weight=0.3)

    conv("conv1/7x7_s2", 64, 7, 2, 3)
    net.pool("pool1/3x3_s2", "MAX", 3, 2)
    norm("pool1/norm1")
    conv("conv2/3x3_reduce", 64, 1)
    conv("conv2/3x3", 192, 3, pad=1)
    norm("conv2/norm2")
    net.pool("pool2/3x3_s2", "MAX", 3, 2)
    top = inception(net, "inception_3a", net.top, (64, 96, 128, 16, 32, 32))
    inception(net, "inception_3b", top, (128, 128, 192, 32, 96, 64))
    top = net.pool("pool3/3x3_s2", "MAX", 3, 2)
    top = inception(net, "inception_4a", top, (192, 96, 208, 16, 48, 64))
    head(1, top)
    top = inception(net, "inception_4b", top, (160, 112, 224, 24, 64, 64))
    top = inception(net, "inception_4c", top, (128, 128, 256, 24, 64, 64))
    top = inception(net, "inception_4d", top, (112, 144, 288, 32, 64, 64))
    head(2, top)
    inception(net, "inception_4e", top, (256, 160, 320, 32, 128, 128))
    top = net.pool("pool4/3x3_s2", "MAX", 3, 2)
    top = inception(net, "inception_5a", top, (256, 160, 320, 32, 128, 128))
    inception(net, "inception_5b", top, (384, 192, 384, 48, 128, 128))
    net.add("pool5", "Pooling", pooling_param={"pool": "AVE", "global_pooling": True})
    net.dropout("pool5/drop", 0.4)
    net.losses(net.inner_product("loss3/classifier", 1000))
    return net


def resnet(depth, blocks):
    net = Net(f"ResNet-{depth}", f"ResNet-{depth} (He et al., CVPR'16): the stride of a stage is in its first block's 3x3.",
              64, 25, 224, 256, 1000)

    def conv(suffix, outputs, kernel, stride=1, pad=0, bottom=None, prefix="res"):
        net.convolution(prefix + suffix, outputs, kernel, bottom=bottom, stride=stride, pad=pad, bias=False)
        net.batch_norm(suffix if prefix == "res" else "_" + prefix)
        return net.top

    net.convolution("conv1", 64, 7, stride=2, pad=3, bias=False)
    net.batch_norm("_conv1")
    net.relu("conv1_relu")
    top = net.pool("pool1", "MAX", 3, 2)
    for stage, count in enumerate(blocks, 2):
        width = 64 * 2 ** (stage - 2)
        for number in range(count):
            block = f"{stage}{chr(ord('a') + number)}" if number < 26 else f"{stage}z{number}"
            stride = 2 if stage > 2 and number == 0 else 1
            shortcut = top
            if number == 0:
                shortcut = conv(f"{block}_branch1", 4 * width, 1, stride, bottom=top)
            conv(f"{block}_branch2a", width, 1, bottom=top)
            net.relu(f"res{block}_branch2a_relu")
            conv(f"{block}_branch2b", width, 3, stride, 1)
            net.relu(f"res{block}_branch2b_relu")
            branch = conv(f"{block}_branch2c", 4 * width, 1)
            net.add(f"res{block}", "Eltwise", [shortcut, branch], eltwise_param={"operation": "SUM"})
            top = net.relu(f"res{block}_relu")
    net.add("pool5", "Pooling", pooling_param={"pool": "AVE", "global_pooling": True})
    net.losses(net.inner_product("fc1000", 1000))
    return net


class InceptionV3:
    """Towers of convolution, normalisation and ReLU; names are module/branch."""

    def __init__(self):
        self.net = Net("Inception-V3", "Inception-V3 (Szegedy et al., CVPR'16) with its auxiliary classifier.",
                       32, 25, 299, 320, 1000)

    def conv(self, name, outputs, kernel, bottom=None, stride=1, pad=0):
        self.net.convolution(name, outputs, kernel, bottom=bottom, stride=stride, pad=pad, bias=False)
        self.net.batch_norm("/" + name, momentum=0.9, epsilon=1e-3)
        return self.net.relu(name + "/relu")

    def tower(self, name, bottom, steps):
        """steps: (outputs, kernel, stride) with the padding that keeps extents where the stride is 1."""
        top = bottom
        for number, (outputs, kernel, stride) in enumerate(steps, 1):
            if isinstance(kernel, tuple):
                pad = tuple((extent - 1) // 2 for extent in kernel)
            else:
                pad = (kernel - 1) // 2 if stride == 1 else 0
            top = self.conv(f"{name}_{number}", outputs, kernel, top, stride, pad)
        return top

    def pooled(self, name, bottom, outputs):
        top = self.net.pool(f"{name}/pool", "AVE", 3, 1, 1, bottom)
        return self.tower(f"{name}/pool_proj", top, [(outputs, 1, 1)])

    def concat(self, name, tops):
        return self.net.add(name, "Concat", tops)

    def module_a(self, name, bottom, projection):
        return self.concat(name, [
            self.tower(f"{name}/1x1", bottom, [(64, 1, 1)]),
            self.tower(f"{name}/5x5", bottom, [(48, 1, 1), (64, 5, 1)]),
            self.tower(f"{name}/3x3", bottom, [(64, 1, 1), (96, 3, 1), (96, 3, 1)]),
            self.pooled(name, bottom, projection)])

    def module_b(self, name, bottom):
        return self.concat(name, [
            self.tower(f"{name}/3x3", bottom, [(384, 3, 2)]),
            self.tower(f"{name}/3x3x3", bottom, [(64, 1, 1), (96, 3, 1), (96, 3, 2)]),
            self.net.pool(f"{name}/pool", "MAX", 3, 2, bottom=bottom)])

    def module_c(self, name, bottom, width):
        row, column = (1, 7), (7, 1)
        return self.concat(name, [
            self.tower(f"{name}/1x1", bottom, [(192, 1, 1)]),
            self.tower(f"{name}/7x7", bottom, [(width, 1, 1), (width, row, 1), (192, column, 1)]),
            self.tower(f"{name}/7x7x7", bottom, [(width, 1, 1), (width, column, 1), (width, row, 1), (width, column, 1),
                                                 (192, row, 1)]),
            self.pooled(name, bottom, 192)])

    def module_d(self, name, bottom):
        return self.concat(name, [
            self.tower(f"{name}/3x3", bottom, [(192, 1, 1), (320, 3, 2)]),
            self.tower(f"{name}/7x7x3", bottom, [(192, 1, 1), (192, (1, 7), 1), (192, (7, 1), 1), (192, 3, 2)]),
            self.net.pool(f"{name}/pool", "MAX", 3, 2, bottom=bottom)])

    def module_e(self, name, bottom):
        three = self.tower(f"{name}/3x3", bottom, [(384, 1, 1)])
        double = self.tower(f"{name}/3x3x3", bottom, [(448, 1, 1), (384, 3, 1)])
        return self.concat(name, [
            self.tower(f"{name}/1x1", bottom, [(320, 1, 1)]),
            self.tower(f"{name}/3x3a", three, [(384, (1, 3), 1)]), self.tower(f"{name}/3x3b", three, [(384, (3, 1), 1)]),
            self.tower(f"{name}/3x3x3a", double, [(384, (1, 3), 1)]),
            self.tower(f"{name}/3x3x3b", double, [(384, (3, 1), 1)]),
            self.pooled(name, bottom, 192)])

    def head(self, bottom):
        self.net.pool("aux/pool", "AVE", 5, 3, bottom=bottom)
        self.conv("aux/conv1", 128, 1)
        self.conv("aux/conv2", 768, 5)
        classifier = self.net.inner_product("aux/classifier", 1000)
        self.net.add("aux/loss", "SoftmaxWithLoss", [classifier, "label"], loss_weight=0.4)

    def build(self):
        for name, outputs, kernel, stride, pad in (("conv1", 32, 3, 2, 0), ("conv2", 32, 3, 1, 0), ("conv3", 64, 3, 1, 1)):
            self.conv(name, outputs, kernel, stride=stride, pad=pad)
        self.net.pool("pool1", "MAX", 3, 2)
        self.conv("conv4", 80, 1)
        self.conv("conv5", 192, 3)
        top = self.net.pool("pool2", "MAX", 3, 2)
        for name, projection in (("mixed_a1", 32), ("mixed_a2", 64), ("mixed_a3", 64)):
            top = self.module_a(name, top, projection)
        top = self.module_b("mixed_b", top)
        for name, width in (("mixed_c1", 128), ("mixed_c2", 160), ("mixed_c3", 160), ("mixed_c4", 192)):
            top = self.module_c(name, top, width)
        self.head(top)
        top = self.module_d("mixed_d", top)
        for name in ("mixed_e1", "mixed_e2"):
            top = self.module_e(name, top)
        self.net.add("pool3", "Pooling", top, pooling_param={"pool": "AVE", "global_pooling": True})
        self.net.dropout("drop", 0.5)
        self.net.losses(self.net.inner_product("fc", 1000))
        return self.net


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    if len(sys.argv) > 2 or sys.argv[1:] and sys.argv[1].startswith("-"):
        sys.exit(f"make_nets.py: does not know '{sys.argv[-1]}'; see --help")
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "config", "nets")
    nets = {
        "vgg19": vgg19(1000, "VGG19", "VGG19 (Simonyan & Zisserman, ICLR'15)."),
        "vgg19-22k": vgg19(21841, "VGG19-22K", "VGG19 for ImageNet-22K's 21,841 classes (Zhang et al., ATC'17)."),
        "googlenet": googlenet(),
        "inception-v3": InceptionV3().build(),
        "resnet-50": resnet(50, (3, 4, 6, 3)),
        "resnet-152": resnet(152, (3, 8, 36, 3)),
    }
    for name, net in nets.items():
        try:
            net.write(os.path.join(folder, name + ".yaml"))
        except OSError as error:
            sys.exit(f"make_nets.py: cannot write '{error.filename}': {error.strerror}; name another folder")


if __name__ == "__main__":
    main()
