"""What somebody tries who comes from numpy and PyTorch: it works as there, or says in words why not and what to do."""
import unittest

import numpy as np

from cairn import nn, optim
from support import cairn, numbers


class Trees(unittest.TestCase):
    def test_modules_that_refer_to_each_other_are_refused_at_the_assignment(self):
        class Net(nn.Module):
            pass

        a, b = Net(), Net()
        a.b = b
        with self.assertRaisesRegex(cairn.Error, r"'a' of Net would close a cycle.*has this one as 'b'.*object\.__setattr__\(self, 'a', module\)"):
            b.a = a
        with self.assertRaisesRegex(cairn.Error, "that module itself"):
            a.me = a
        layers = nn.ModuleList([a])
        with self.assertRaisesRegex(cairn.Error, "has this one as '0.b'"):
            b.all = layers
        self.assertEqual((list(a.state_dict()), hasattr(b, "a")), ([], False))

    def test_a_parent_is_kept_as_a_plain_reference(self):
        class Child(nn.Module):
            def __init__(self, parent):
                super().__init__()
                object.__setattr__(self, "parent", parent)
                self.linear = nn.Linear(2, 2)

        class Parent(nn.Module):
            def __init__(self):
                super().__init__()
                self.child = Child(self)

        net = Parent()
        self.assertIs(net.child.parent, net)
        self.assertEqual(list(net.state_dict()), ["child.linear.weight", "child.linear.bias"])

    def test_errors_have_the_names_of_pythons_classes(self):
        class Mine(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Sequential(nn.Linear(2, 2))

        for net in (Mine(), nn.Sequential(nn.Linear(2, 2))):
            with self.assertRaisesRegex(cairn.Error, f"^{type(net).__name__}: these weights are of another model"):
                net.load_state_dict({})
        net = Mine()
        with self.assertRaisesRegex(cairn.Error, "^Sequential: these weights"):
            net.inner.load_state_dict({})


class Lists(unittest.TestCase):
    def test_deep_lists_and_lists_in_themselves_end(self):
        endless = []
        endless.append(endless)
        deep = 1
        for _ in range(100_000):
            deep = [deep]
        for data in (endless, deep):
            with self.assertRaisesRegex(ValueError, "nested deeper than the 64 dimensions"):
                cairn.tensor(data)
        self.assertEqual(cairn.tensor([[[[[[1.0]]]]]]).shape, (1,) * 6)


class Numpy(unittest.TestCase):
    def test_numpys_numbers_and_arrays_leave_operators_to_the_tensor(self):
        x, y = numbers((2, 3)) + 2, np.abs(numbers((2, 3), phase=1.0)) + 1
        t = cairn.tensor(x)
        for number in (np.float64(3), np.float32(3), np.int64(3), np.array(3.0)):
            n = float(number)
            for ours, theirs in ((number * t, n * x), (t * number, x * n), (number - t, n - x), (number / t, n / x), (number**t, n**x), (t**number, x**n), (number > t, n > x)):
                self.assertIsInstance(ours, cairn.Tensor)
                self.assertIn(ours.dtype, ("f32", "bool"))
                self.assertTrue(np.allclose(np.asarray(ours), theirs))
        for ours, theirs in ((y + t, y + x), (t + y, x + y), (y - t, y - x), (t - y, x - y), (y * t, y * x), (y / t, y / x), (y**t, y**x), (y % t, y % x), (y @ t.T, y @ x.T),
                             (t @ y.T, x @ y.T), (y < t, y < x), (y.astype("f8") + t, y.astype("f8") + x)):
            self.assertIsInstance(ours, cairn.Tensor)
            self.assertEqual(np.asarray(ours).dtype, theirs.dtype)
            self.assertTrue(np.allclose(np.asarray(ours), theirs, rtol=1e-5))
        self.assertTrue(np.array_equal(np.asarray(t), x))
        for wrong in (lambda: t + "a", lambda: t + b"a", lambda: t + [1, 2, 3]):
            self.assertRaises(TypeError, wrong)
        with self.assertRaisesRegex(TypeError, "none of Cairn's"):
            t + np.zeros(3, "complex64")

    def test_no_gradient_is_lost(self):
        ways = {"number": lambda w: 10.0 * (w * w).sum(), "float64": lambda w: np.float64(10) * (w * w).sum(), "float32": lambda w: np.float32(10) * (w * w).sum(),
                "array": lambda w: (np.full((2, 3), 10, "f4") * (w * w)).sum(), "on the right": lambda w: ((w * w) * np.full((2, 3), 10.0)).sum(),
                "added": lambda w: 10 * (np.zeros((2, 3), "f4") + w * w).sum()}
        for compiled in (False, True):
            for name, loss in ways.items():
                with self.subTest(name, compiled=compiled):
                    w = cairn.parameter(cairn.tensor(numbers((2, 3))))
                    opt = optim.SGD([w], lr=0.01)
                    step = lambda: opt.step(loss(w))  # noqa: B023,E731
                    (cairn.compile(step) if compiled else step)()
                    self.assertTrue(np.allclose(w.numpy(), 0.8 * numbers((2, 3)), atol=1e-6))

    def test_arrays_are_taken_where_tensors_are(self):
        x = numbers((3,))
        t = cairn.tensor(x)
        for ours, theirs in ((cairn.stack([x, t]), np.stack([x, x])), (cairn.cat([x, x]), np.concatenate([x, x])), (cairn.exp(x), np.exp(x)),
                             (cairn.where(t > 0, t, 0), np.where(x > 0, x, 0)), (cairn.where(x > 0, 0, x), np.where(x > 0, 0, x)),
                             (cairn.where(t > 0, t, np.float32(2)), np.where(x > 0, x, np.float32(2))), (cairn.where(t > 0, x, t), x)):
            self.assertTrue(np.allclose(np.asarray(ours), theirs))
            self.assertEqual(ours.dtype, "f32")
        self.assertAlmostEqual(cairn.mse_loss(t, x + 1).item(), 1, places=6)
        self.assertEqual(cairn.where(t > 0, cairn.tensor([1, 2, 3]), 0).dtype, "i64")

    def test_masked_arrays_are_refused(self):
        masked = np.ma.masked_array([1.0, 2.0], [True, False])
        t = cairn.ones((2,))
        for use in (lambda: cairn.tensor(masked), lambda: t + masked, lambda: masked + t):
            with self.assertRaisesRegex(TypeError, r"x\.filled"):
                use()

    def test_values_inside_a_compiled_function(self):
        for read in (np.asarray, lambda x: x.numpy(), lambda x: np.array(x.to("bf16")), lambda x: np.asarray(x * 2)):
            with self.assertRaisesRegex(cairn.Error, "a value is read inside a compiled function"):
                cairn.compile(lambda x: x * cairn.tensor(read(x)))(cairn.ones((2,)))  # noqa: B023
        y = numbers((2,))
        f = cairn.compile(lambda x: x - y)
        for _ in range(9):
            self.assertTrue(np.allclose(np.asarray(f(cairn.ones((2,)))), 1 - y))


class Extremes(unittest.TestCase):
    def test_without_an_axis_of_the_whole_tensor(self):
        x = numbers((3, 4, 5))
        t = cairn.tensor(x)
        for ours, theirs in ((t.max(), x.max()), (t.min(), x.min()), (t.argmax(), x.argmax()), (t.argmin(), x.argmin()), (cairn.max(t), x.max()), (cairn.argmin(t), x.argmin()),
                             (t.median(), np.sort(x, None)[29]), (np.max(t), x.max()), (np.min(t), x.min()), (np.argmax(t), x.argmax()), (np.max(t, axis=1), x.max(1)),
                             (np.min(t, axis=(0, 2)), x.min((0, 2))), (t.argmax(-1), x.argmax(-1)), (t.argmin(1, keepdim=True), x.argmin(1, keepdims=True))):
            self.assertTrue(np.array_equal(np.asarray(ours), theirs))
        for (values, indices), f, arg in ((t.max(1), np.max, np.argmax), (t.min(1), np.min, np.argmin), (t.max(axis=1), np.max, np.argmax)):
            self.assertTrue(np.array_equal(np.asarray(values), f(x, axis=1)))
            self.assertTrue(np.array_equal(np.asarray(indices), arg(x, axis=1)))
        self.assertEqual(t.max(2, keepdim=True)[0].shape, (3, 4, 1))
        w = cairn.parameter(t)
        w.max().backward()
        self.assertEqual(np.flatnonzero(w.grad.numpy()).tolist(), [x.argmax()])


class Options(unittest.TestCase):
    def test_what_means_nothing_is_refused(self):
        p = nn.Linear(2, 2).parameters()
        for betas in ((2, 3), (0.9, 1.0), (-1, 0.9)):
            with self.assertRaisesRegex(cairn.Error, r"AdamW: betas \("):
                optim.AdamW(p, betas=betas)
        for make, p_ in ((nn.Dropout, 1.5), (nn.Dropout, -1), (nn.LockedDropout, float("nan"))):
            with self.assertRaisesRegex(cairn.Error, f"{make.__name__}: probability .* is not in"):
                make(p_)
        for lr in (float("nan"), float("inf"), -1.0):
            with self.assertRaisesRegex(cairn.Error, "learning rate .* is no number from 0 on"):
                optim.SGD(p, lr=lr)


class Words(unittest.TestCase):
    def test_indices(self):
        x = numbers((3, 4))
        t = cairn.tensor(x)
        for key in (np.array([2, 0]), np.array([1], "i4"), (slice(None), np.array([3, 1])), np.int64(1), x > 0):
            self.assertTrue(np.array_equal(np.asarray(t[key]), x[key]))
        with self.assertRaisesRegex(IndexError, r"one '\.\.\.'"):
            t[..., ...]
        for key in (True, [0, 1]):
            with self.assertRaisesRegex(TypeError, "indexed by ints, slices"):
                t[key]

    def test_wrong_arguments(self):
        x = cairn.ones((2, 3))
        for call, said in ((lambda: cairn.relu("x"), r"^relu: got \('x'\); it takes \(x: Tensor\)$"),
                           (lambda: x.sum(axis="a"), r"^sum: got \(axis='a'\); it takes \(axes: int or ints = \(\), keepdim: bool = False\)$"),
                           (lambda: x.size(), r"^size: got \(\); it takes \(axis: int\)$"),
                           (lambda: cairn.ones("a" * 99), r"^ones: got \(str\); it takes \(shape: int or ints, dtype = 'f32'\)$"),
                           (lambda: cairn.cat(x, 1, 2, 3), r"^cat: got \(Tensor, 1, 2, 3\); it takes \(parts: [Ll]ist\[Tensor\]"),
                           (lambda: optim.AdamW(nn.Linear(2, 2)), r"^AdamW: takes parameters \(net.parameters\(\)\), or groups of them, not Linear$"),
                           (lambda: nn.Linear("a", 2), "^Linear: in_features cannot be 'a'$")):
            with self.assertRaisesRegex(TypeError, said):
                call()
        with self.assertRaisesRegex(TypeError, "^in words of its own$"):  # a TypeError of Python's passes
            cairn.compile(lambda x: (_ for _ in ()).throw(TypeError("in words of its own")))(x)

    def test_paths_and_parameters(self):
        for path in (None, 3, ["run"]):
            with self.assertRaisesRegex(TypeError, "load: a path is a str"):
                cairn.load(path)
        with self.assertRaisesRegex(BufferError, r"detach\(\)"):
            nn.Linear(2, 2).weight.__dlpack__(max_version=(1, 0))


if __name__ == "__main__":
    unittest.main()
