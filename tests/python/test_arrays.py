"""Tensors and arrays: numpy, the buffer protocol, lists; every order, type and kind of array that is wrong."""
import array
import unittest

import numpy as np

from support import cairn, numbers

DTYPES = {"f32": "float32", "f64": "float64", "f16": "float16", "i8": "int8", "u8": "uint8", "i32": "int32", "i64": "int64", "bool": "bool"}


class Arrays(unittest.TestCase):
    def test_every_dtype_goes_there_and_back(self):
        for ours, theirs in DTYPES.items():
            with self.subTest(ours):
                x = (np.arange(24).reshape(2, 3, 4) % 7).astype(theirs)
                t = cairn.tensor(x)
                self.assertEqual((t.dtype, t.shape), (ours, x.shape))
                self.assertTrue(np.array_equal(np.asarray(t), x))
                self.assertEqual(np.asarray(t).dtype, x.dtype)
                self.assertTrue(np.array_equal(t.numpy(), x))
                self.assertEqual(t.tolist(), x.tolist())

    def test_every_order_is_read_as_numpy_reads_it(self):
        x = numbers((4, 6, 5))
        for view in (np.asfortranarray(x), x.transpose(2, 0, 1), x[::2, 1:, ::-1], x[:, ::-2], np.broadcast_to(x[:1], (3, 6, 5)), x[:0], x[..., :1],
                     np.frombuffer(b"\0" + x.tobytes(), np.float32, offset=1)):
            self.assertTrue(np.array_equal(np.asarray(cairn.tensor(view)), view))

    def test_read_only_arrays_are_read(self):
        x = numbers((3, 3))
        x.flags.writeable = False
        self.assertTrue(np.array_equal(np.asarray(cairn.tensor(x)), x))

    def test_a_tensor_is_a_copy_and_its_view_is_read_only(self):
        x = numbers((3, 3))
        t = cairn.tensor(x)
        before = x.copy()
        x[:] = 7
        self.assertTrue(np.array_equal(np.asarray(t), before))
        view = np.asarray(t)
        self.assertFalse(view.flags.writeable)
        with self.assertRaises(ValueError):
            view[0, 0] = 1
        with self.assertRaises(ValueError):
            view.flags.writeable = True
        mine = t.numpy()
        mine[:] = 1
        self.assertTrue(np.array_equal(np.asarray(t), before))

    def test_views_share_live_on_and_lie_at_64_bytes(self):
        t = cairn.tensor(numbers((1000,)))
        first, second = np.asarray(t), np.asarray(t)
        self.assertTrue(np.shares_memory(first, second))
        self.assertEqual(first.__array_interface__["data"][0] % 64, 0)
        part = np.asarray(t[3:])
        self.assertEqual(part.__array_interface__["data"][0] % 64, 0)
        expected = first.copy()
        del t, second
        junk = [cairn.tensor(numbers((1000,), phase=i)) for i in range(20)]
        self.assertTrue(np.array_equal(first, expected), junk)

    def test_memoryviews_of_turned_tensors_are_row_major(self):
        x = numbers((3, 5))
        view = memoryview(cairn.tensor(x).T)
        self.assertTrue(view.c_contiguous and view.readonly)
        self.assertEqual(view.tolist(), x.T.tolist())

    def test_a_parameter_is_copied_only(self):
        p = cairn.parameter(cairn.tensor(numbers((2, 2))))
        with self.assertRaisesRegex(BufferError, "wants a gradient"):
            memoryview(p)
        self.assertTrue(np.array_equal(np.asarray(p), numbers((2, 2))))
        held = np.asarray(p.detach())
        p.assign(cairn.zeros((2, 2)))
        self.assertTrue(np.array_equal(held, numbers((2, 2))))
        self.assertEqual(p.tolist(), [[0, 0], [0, 0]])

    def test_bf16(self):
        t = cairn.tensor(numbers((4,)), dtype="bf16")
        self.assertEqual(t.dtype, "bf16")
        with self.assertRaisesRegex(BufferError, "bf16"):
            memoryview(t)
        self.assertTrue(np.allclose(np.asarray(t.to("f32")), numbers((4,)), atol=1e-2))
        try:
            import ml_dtypes
        except ImportError:
            with self.assertRaisesRegex(TypeError, "ml_dtypes"):
                t.numpy()
            return
        x = numbers((4, 3)).astype(ml_dtypes.bfloat16)
        self.assertEqual(cairn.tensor(x.T).dtype, "bf16")
        self.assertTrue(np.array_equal(cairn.tensor(x.T).numpy(), x.T))

    def test_lists_and_numbers(self):
        for data, dtype in (([1.5, 2], "f32"), ([[1, 2], [3, 4]], "i64"), (True, "bool"), (3, "i64"), ([], "f32"), (2.5, "f32"), ([2**62, -1], "i64")):
            t = cairn.tensor(data)
            self.assertEqual((t.dtype, t.tolist()), (dtype, data))
        self.assertEqual(cairn.tensor([1, 2], dtype=np.float32).dtype, "f32")
        self.assertEqual(cairn.tensor(array.array("d", [1, 2])).dtype, "f64")
        self.assertEqual(cairn.tensor(np.float32(2)).item(), 2)

    def test_what_cannot_become_a_tensor_says_so(self):
        for data, error, text in (([[1, 2], [3]], ValueError, "different lengths"), ("text", TypeError, "numbers"), ([None], TypeError, "numbers"),
                                  (np.zeros(3, ">f4"), TypeError, "big-endian"), (np.zeros(3, "complex64"), TypeError, "none of Cairn's"),
                                  (np.zeros(3, "uint16"), TypeError, "none of Cairn's"), (np.array(["a"]), TypeError, "none of Cairn's"),
                                  (np.zeros(3, object), (TypeError, ValueError, BufferError), ""), ([2**70], OverflowError, "")):
            with self.subTest(repr(data)), self.assertRaisesRegex(error, text):
                cairn.tensor(data)
        with self.assertRaisesRegex(TypeError, "f32"):
            cairn.tensor([1], dtype="f33")


class Indices(unittest.TestCase):
    def test_as_numpys(self):
        x = numbers((4, 5, 6))
        t = cairn.tensor(x)
        for key in (0, -1, (1, 2), (slice(None), 2), slice(1, 3), (Ellipsis, 3), (slice(None, None, -1), Ellipsis, slice(None, None, 2)), None,
                    (None, 1, Ellipsis, None), slice(5, 2), slice(3, 0, -2)):
            self.assertTrue(np.array_equal(np.asarray(t[key]), x[key]), key)
        self.assertTrue(np.array_equal(np.asarray(t[cairn.tensor([2, 0])]), x[[2, 0]]))
        self.assertTrue(np.array_equal(np.asarray(t[t > 0.5]), x[x > 0.5]))
        self.assertEqual([row.shape for row in t], [(5, 6)] * 4)
        for key, error in ((4, IndexError), ((0, 0, 0, 0), IndexError), ("a", TypeError), (1.5, TypeError)):
            with self.assertRaises(error):
                t[key]


class Functions(unittest.TestCase):
    def test_against_numpy(self):
        x, y = numbers((3, 4)), numbers((3, 4), phase=1.0)
        a, b = cairn.tensor(x), cairn.tensor(y)
        for ours, theirs in ((a + b, x + y), (a - 2, x - 2), (2 - a, 2 - x), (a / b, x / y), (1 / (a + 3), 1 / (x + 3)), (-a * b, -x * y), (abs(a) ** 0.5, abs(x) ** 0.5),
                             (a @ b.T, x @ y.T), (a.sum(1), x.sum(1)), (a.mean(), x.mean()), (cairn.exp(a), np.exp(x)), (a.reshape((-1, 2)), x.reshape(-1, 2)),
                             (cairn.maximum(a, b), np.maximum(x, y)), (cairn.where(a > b, a, b), np.where(x > y, x, y)), (cairn.cat([a, b], 1), np.concatenate([x, y], 1)),
                             (a.var((0, 1), correction=0), x.var()), (a.transpose(0, 1), x.T), (cairn.einsum("ij,kj->ik", [a, b]), x @ y.T), (a.argmax(1), x.argmax(1)),
                             (a.cumsum(1), x.cumsum(1)), ((a > 0) & (b > 0), (x > 0) & (y > 0)), (~(a > 0), ~(x > 0)), (cairn.arange(3, 9, 2), np.arange(3, 9, 2)),
                             (a.sort()[0], np.sort(x)), (cairn.sigmoid(a), 1 / (1 + np.exp(-x))), (a.to("i32"), x.astype("i4"))):
            self.assertEqual(np.asarray(ours).shape, np.shape(theirs))
            self.assertTrue(np.allclose(np.asarray(ours), theirs, atol=1e-6), (ours, theirs))

    def test_errors_are_the_librarys(self):
        with self.assertRaisesRegex(cairn.Error, r"matmul.*\[2, 3\]"):
            cairn.zeros((2, 3)) @ cairn.zeros((2, 3))
        with self.assertRaisesRegex(cairn.Error, "do not broadcast"):
            cairn.zeros((2, 3)) + cairn.zeros((4,))
        with self.assertRaisesRegex(ValueError, "reduction is one of mean"):
            cairn.mse_loss(cairn.zeros((2,)), cairn.zeros((2,)), reduction="average")
        with self.assertRaises(TypeError):
            cairn.exp("a")
        self.assertTrue(issubclass(cairn.Error, RuntimeError))


if __name__ == "__main__":
    unittest.main()
