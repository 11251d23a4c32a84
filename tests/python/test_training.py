"""Training of networks described in Python: against PyTorch's losses, against numpy, eager against compiled; files; what is refused."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np

import curves
from cairn import _cairn, nn, optim
from support import cairn, filled, numbers


def losses_of(name, compiled=True):
    make, optimizer, loss_of, x, target = curves.CURVES[name]
    net = filled(make())
    opt = optimizer(net.parameters())

    def step(x, target):
        loss = loss_of(net(x), target)
        opt.step(loss)
        return loss

    run = cairn.compile(step) if compiled else step
    x, target = cairn.tensor(x), cairn.tensor(target)
    return [run(x, target).item() for _ in range(curves.STEPS)]


class Curves(unittest.TestCase):
    def test_are_pytorchs(self):
        expected = json.loads((pathlib.Path(__file__).parent / "curves.json").read_text())
        self.assertEqual(sorted(expected), sorted(curves.CURVES))
        for name in curves.CURVES:
            with self.subTest(name):
                got = losses_of(name)
                self.assertLess(np.abs(np.array(got) - expected[name]).max(), 1e-4, got)
                self.assertLess(got[-1], got[0])

    def test_compiled_is_eager(self):
        for name in curves.CURVES:
            with self.subTest(name):
                self.assertTrue(np.allclose(losses_of(name), losses_of(name, compiled=False), atol=1e-5))

    def test_are_numpys(self):
        x, y = numbers((32, 4)), numbers((32, 2), phase=1.0)
        net = filled(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
        w1, b1, w2, b2 = (p.numpy().astype(np.float64) for p in net.parameters())
        opt = optim.SGD(net.parameters(), lr=0.1)

        @cairn.compile
        def step(x, y):
            loss = cairn.mse_loss(net(x), y)
            opt.step(loss)
            return loss

        for _ in range(20):
            h = np.maximum(x @ w1.T + b1, 0)
            error = h @ w2.T + b2 - y
            self.assertAlmostEqual(step(x, y).item(), (error**2).mean(), delta=1e-5)
            d = 2 * error / error.size
            dh = d @ w2 * (h > 0)
            w2, b2, w1, b1 = w2 - 0.1 * d.T @ h, b2 - 0.1 * d.sum(0), w1 - 0.1 * dh.T @ x, b1 - 0.1 * dh.sum(0)


class Gradients(unittest.TestCase):
    def test_backward_and_grad(self):
        x = cairn.tensor(numbers((5,))).requires_grad_()
        (x * x * x).sum().backward()
        self.assertTrue(np.allclose(np.asarray(x.grad), 3 * numbers((5,)) ** 2, atol=1e-6))
        (g,) = cairn.grad([(x * x * x).sum()], [x], create_graph=True)
        (gg,) = cairn.grad([g.sum()], [x])
        self.assertTrue(np.allclose(np.asarray(gg.detach()), 6 * numbers((5,)), atol=1e-6))
        with cairn.no_grad():
            self.assertFalse((x * 2).requires_grad)
        self.assertTrue((x * 2).requires_grad)
        never_entered, left = cairn.no_grad(), cairn.autocast()
        with left:
            pass
        for scope, name in (never_entered, "no_grad"), (left, "autocast"):
            with self.assertRaisesRegex(cairn.Error, f"{name}: was not entered, or was left already"):
                scope.__exit__(None, None, None)
        self.assertTrue((x * 2).requires_grad)
        with self.assertRaisesRegex(cairn.Error, "gradient"):
            cairn.zeros((2,)).sum().backward()

    def test_optimizers_take_groups_and_refuse_what_they_do_not_know(self):
        net = filled(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)))
        for make in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.Adadelta, optim.Adamax, optim.NAdam, optim.RAdam, optim.Adafactor):
            with self.subTest(make.__name__):
                before = net.state_dict()["0.weight"].numpy()
                opt = make([{"params": net[0].parameters(), "lr": 0.1}, {"params": net[1].parameters()}], lr=0.01, clip_norm=1.0)
                opt.step((net(cairn.ones((2, 3))) ** 2).mean())
                self.assertEqual(opt.steps, 1)
                self.assertFalse(np.array_equal(net.state_dict()["0.weight"].numpy(), before))
        with self.assertRaisesRegex(TypeError, "no option momentun; is momentum meant"):
            optim.SGD(net.parameters(), momentun=0.9)
        with self.assertRaisesRegex(TypeError, "lr cannot be 'fast'"):
            optim.SGD(net.parameters(), lr="fast")
        with self.assertRaises(cairn.Error):
            optim.SGD([])

    def test_schedules(self):
        opt = optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
        schedule = optim.Scheduler(opt, optim.warmup(2, optim.cosine(4)))
        rates = [opt.lr]
        for _ in range(6):
            schedule.step()
            rates.append(opt.lr)
        self.assertTrue(np.allclose(rates, [0, 0.5, 1, 0.853553, 0.5, 0.146447, 0], atol=1e-5), rates)
        opt.lr = 0.25
        self.assertAlmostEqual(opt.lr, 0.25)


class Modules(unittest.TestCase):
    def test_names_are_pytorchs(self):
        self.assertEqual(list(curves.Conv().state_dict()),
                         ["conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
                          "conv2.weight", "head.weight", "head.bias"])

    def test_every_layer_is_made_with_its_defaults_and_runs(self):
        x1, x2, x3, rows = (cairn.tensor(numbers(s)) for s in ((2, 4, 9), (2, 4, 8, 9), (2, 4, 6, 6, 6), (3, 8)))
        cases = {"Linear": ((8, 5), rows), "Embedding": ((5, 3), cairn.tensor([1, 4])), "LayerNorm": ((8,), rows), "RMSNorm": ((8,), rows), "GroupNorm": ((2, 4), x2),
                 "InstanceNorm": ((4,), x2), "LocalResponseNorm": ((3,), x2), "BatchNorm1d": ((4,), x1), "BatchNorm2d": ((4,), x2), "BatchNorm3d": ((4,), x3),
                 "ZeroPad2d": ((1,), x2), "ReflectionPad2d": ((1,), x2), "ReplicationPad2d": ((1,), x2), "PixelShuffle": ((2,), x2), "Unflatten": ((1, (2, 4)), rows),
                 "GLU": ((), rows), "PReLU": ((), rows), "LockedDropout": ((), x1)}
        for d, x in ((1, x1), (2, x2), (3, x3)):
            for name in (f"Conv{d}d", f"ConvTranspose{d}d"):
                cases[name] = ((4, 6, 3), x)
            for name in (f"MaxPool{d}d", f"AvgPool{d}d", f"AdaptiveAvgPool{d}d", f"AdaptiveMaxPool{d}d"):
                cases[name] = ((2,), x)
        several = {"Bilinear": lambda: nn.Bilinear(8, 8, 2)(rows, rows), "LSTM": lambda: nn.LSTM(9, 5)(x1)[1][0], "GRU": lambda: nn.GRU(9, 5, batch_first=True)(x1, None, lengths=cairn.tensor([4, 2]))[0],
                   "RNN": lambda: nn.RNN(9, 5, nonlinearity="relu")(x1)[0], "LSTMCell": lambda: nn.LSTMCell(8, 5)(rows)[0], "GRUCell": lambda: nn.GRUCell(8, 5)(rows),
                   "RNNCell": lambda: nn.RNNCell(8, 5)(rows), "MultiheadAttention": lambda: nn.MultiheadAttention(8, 2)(*[rows[None]] * 3, causal=True),
                   "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(8, 2)(rows[None]), "TransformerEncoder": lambda: nn.TransformerEncoder(8, 2, 2, norm=True)(rows[None]),
                   "Upsample": lambda: nn.Upsample(scale_factor=2, mode="bilinear")(x2)}
        layers = [getattr(nn, name) for name in _cairn.layer_names()]  # every row of the table has its class
        self.assertGreater(len(layers), 65)
        for layer in layers:
            name = layer.__name__
            with self.subTest(name):
                if name in several:
                    y = several.pop(name)()
                else:
                    options, x = cases.pop(name, ((), rows))
                    y = layer(*options)(x)
                self.assertTrue(np.isfinite(y.detach().to("f32").numpy()).all())
        self.assertEqual((cases, several), ({}, {}))

    def test_own_parameters_buffers_lists_and_modes(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = nn.Parameter(cairn.ones((3,)))
                self.seen = nn.Buffer(cairn.zeros(()))
                self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])
                self.drop = nn.Dropout(0.5)

            def forward(self, x):
                if self.training:
                    self.seen.assign(self.seen + 1)
                for layer in self.layers:
                    x = layer(x)
                return self.drop(x) * self.scale

        net = Net()
        self.assertEqual(list(net.named_parameters()), ["scale", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"])
        self.assertEqual(list(net.named_buffers()), ["seen"])
        run = cairn.compile(lambda x: net(x))
        x = cairn.ones((2, 3))
        run(x)
        run(x)
        self.assertEqual((net.seen.item(), run.executables), (2, 1))
        net.eval()
        self.assertEqual(run(x).tolist(), run(x).tolist())
        self.assertEqual((net.seen.item(), run.executables), (2, 2))
        self.assertIs(net.train(), net)
        net.scale.assign(cairn.zeros((3,)))
        self.assertEqual(run(x).tolist(), [[0, 0, 0]] * 2)
        with self.assertRaisesRegex(AttributeError, "registered"):
            net.scale = cairn.ones((3,))
        with self.assertRaisesRegex(AttributeError, "no 'scal'"):
            net.scal
        net.freeze()
        self.assertFalse(net.scale.requires_grad)

    def test_state_dicts_go_to_files_and_back(self):
        net, other = filled(curves.Conv()), curves.Conv()
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "net.safetensors"
            cairn.save_file(net.state_dict(), file, {"by": "test"})
            other.load_state_dict(cairn.load_file(file))
            try:
                from safetensors.numpy import load_file
            except ImportError:
                load_file = None
            if load_file:
                self.assertTrue(all(np.array_equal(v, net.state_dict()[k].numpy()) for k, v in load_file(file).items()))
            file.write_bytes(file.read_bytes()[:-5])
            with self.assertRaisesRegex(cairn.Error, "net.safetensors"):
                cairn.load_file(file)
            with self.assertRaises(cairn.Error):
                cairn.save_file(net.state_dict(), pathlib.Path(folder) / "none" / "net.safetensors")
        for name, t in net.state_dict().items():
            self.assertEqual(other.state_dict()[name].tolist(), t.tolist())
        values = {k: t.numpy() for k, t in net.state_dict().items()}
        with self.assertRaisesRegex(cairn.Error, "head.bias"):
            other.load_state_dict({k: v for k, v in values.items() if k != "head.bias"})
        self.assertEqual(other.load_state_dict({"head.bias": values["head.bias"], "more": values["head.bias"]}, strict=False)[1], ["more"])

    def test_errors_name_the_layer(self):
        with self.assertRaisesRegex(cairn.Error, r"at Conv\.conv1\)"):
            curves.Conv()(cairn.zeros((2, 3, 8, 8)))
        with self.assertRaisesRegex(TypeError, "Linear: in_features cannot be 'a'"):
            nn.Linear("a", 3)
        with self.assertRaisesRegex(TypeError, "takes tensors"):
            nn.ReLU()(np.zeros(3))
        with self.assertRaisesRegex(AttributeError, r"super\(\).__init__"):

            class Forgot(nn.Module):
                def __init__(self):
                    self.layer = nn.ReLU()

            Forgot()


class Compiled(unittest.TestCase):
    def test_results_keep_their_structure(self):
        for result in (lambda x: {"a": x + 1, "b": x}, lambda x: (x, x + 1), lambda x: [x + 1], lambda x: None, lambda x: x + 1):
            f = cairn.compile(result)
            for _ in range(3):
                got, expected = f(cairn.ones((2,))), result(cairn.ones((2,)))
                self.assertEqual(type(got), type(expected))
                self.assertEqual(repr(got), repr(expected))

    def test_shapes_and_types_trace_anew(self):
        f = cairn.compile(lambda x: x * 2)
        for x in (np.ones(3, "f4"), np.ones((2, 2), "f4"), np.ones(3, "f8"), np.ones(3, "f4")):
            self.assertTrue(np.array_equal(np.asarray(f(x)), 2 * x))
        self.assertEqual(f.executables, 3)

    def test_exceptions_of_the_function_come_out_as_they_are(self):
        class Mine(Exception):
            pass

        def f(x):
            raise Mine("here")

        compiled = cairn.compile(f)
        for _ in range(3):
            with self.assertRaisesRegex(Mine, "here"):
                compiled(cairn.ones((1,)))
        self.assertEqual((cairn.ones((1,)) + 1).tolist(), [2])  # outside it nothing is traced

    def test_what_cannot_be_traced_is_refused(self):
        with self.assertRaisesRegex(cairn.Error, "read inside a compiled function"):
            cairn.compile(lambda x: x * x.item())(cairn.ones((1,)))
        with self.assertRaisesRegex(TypeError, "returns None, a tensor"):
            cairn.compile(lambda x: 3)(cairn.ones((1,)))
        with self.assertRaisesRegex(TypeError, "a number, which would be frozen"):
            cairn.compile(lambda x, n: x * n)(cairn.ones((1,)), 2)
        self.assertIn("traced", repr_inside())

    def test_a_number_that_changes_is_noticed(self):
        factor = [1.0]
        f = cairn.compile(lambda x: x * factor[0])
        f(cairn.ones((1,)))
        factor[0] = 2.0
        with self.assertRaises(cairn.Error):
            for _ in range(4):
                f(cairn.ones((1,)))

    def test_threads_take_turns(self):
        net = filled(nn.Linear(4, 4))
        f = cairn.compile(lambda x: net(x))
        expected = f(numbers((2, 4))).tolist()
        results = []
        threads = [threading.Thread(target=lambda: results.append(all(f(numbers((2, 4))).tolist() == expected for _ in range(30)))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(results, [True] * 8)

    def test_ctrl_c_is_not_swallowed_while_an_argument_is_looked_at(self):
        class Interrupted:
            @property
            def __dlpack__(self):
                raise KeyboardInterrupt

        for use in (cairn.tensor, cairn.compile(lambda x: x)):
            with self.assertRaises(KeyboardInterrupt):
                use(Interrupted())

    def test_ctrl_c_stops_a_training(self):
        program = ("import cairn, numpy as np\nfrom cairn import nn, optim\nnet = nn.Linear(64, 64)\nopt = optim.SGD(net.parameters(), lr=1e-4)\n"
                   "step = cairn.compile(lambda x: opt.step((net(x) ** 2).mean()))\nx = np.ones((64, 64), 'f4')\nstep(x)\nprint('going', flush=True)\n"
                   "while True: step(x)\n")
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as child:
            self.assertEqual(child.stdout.readline(), b"going\n")
            child.send_signal(signal.SIGINT)
            try:
                _, said = child.communicate(timeout=60)
            finally:
                child.kill()
        self.assertIn(b"KeyboardInterrupt", said)
        self.assertNotEqual(child.returncode, 0)


def repr_inside():
    seen = []
    cairn.compile(lambda x: (seen.append(repr(x)), x)[1])(cairn.ones((2,)))
    return seen[0]


if __name__ == "__main__":
    unittest.main()
