"""DLPack: there and back through numpy, PyTorch and jax (where they are installed), and what is refused."""
import ctypes
import unittest

import numpy as np

from support import cairn, numbers

try:
    import torch
except ImportError:
    torch = None
try:
    import jax
except ImportError:
    jax = None


def name_of(capsule):
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return get(capsule)


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8),
                ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class Versioned(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64),
                ("tensor", DLTensor)]


def versioned(capsule):
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return Versioned.from_address(get(capsule, b"dltensor_versioned"))


class Giver:
    """Something of another library's, with the structure as the test wants it."""

    def __init__(self, tensor, device=(1, 0), change=None, version=(1, 0)):
        self.tensor, self.device, self.change, self.version = tensor, device, change, version

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, max_version=None):
        capsule = self.tensor.__dlpack__(max_version=self.version)
        if self.change:
            self.change(versioned(capsule))
        return capsule


class Old:
    """Of before version 1: its __dlpack__ knows no max_version."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, stream=None):
        return self.tensor.__dlpack__()


class Protocol(unittest.TestCase):
    def setUp(self):
        self.t = cairn.tensor(numbers((3, 4)))

    def test_who_asks_for_the_values_themselves_gets_a_view_marked_read_only(self):
        capsule = self.t.__dlpack__(max_version=(1, 0), copy=False)
        self.assertEqual(name_of(capsule), b"dltensor_versioned")
        m = versioned(capsule)
        self.assertEqual((m.major, m.flags), (1, 1))
        d = m.tensor
        self.assertEqual((d.device_type, d.ndim, d.code, d.bits, d.lanes, d.byte_offset), (1, 2, 2, 32, 1, 0))
        self.assertEqual((d.shape[:2], d.strides[:2]), ([3, 4], [4, 1]))
        self.assertEqual(d.data % 64, 0)
        self.assertEqual(d.data, np.asarray(self.t).__array_interface__["data"][0])

    def test_views_are_given_compact_and_aligned(self):
        for view in (self.t.T, self.t[1:], self.t[:, 1:3], self.t[::2]):
            d = versioned(view.__dlpack__(max_version=(1, 0), copy=False)).tensor
            self.assertEqual(d.strides[:2], [view.shape[1], 1])
            self.assertEqual((d.data % 64, d.byte_offset), (0, 0))

    def test_copies_are_marked_and_apart(self):
        for options in ({}, {"copy": None}, {"copy": True}):
            m = versioned(self.t.__dlpack__(max_version=(1, 1), **options))
            self.assertEqual(m.flags, 2)
            self.assertNotEqual(m.tensor.data, np.asarray(self.t).__array_interface__["data"][0])

    def test_version_0_cannot_say_read_only_and_gets_a_copy(self):
        capsule = self.t.__dlpack__()
        self.assertEqual(name_of(capsule), b"dltensor")
        with self.assertRaisesRegex(BufferError, "max_version"):
            self.t.__dlpack__(copy=False)
        self.assertTrue(np.array_equal(np.asarray(cairn.from_dlpack(Old(self.t))), np.asarray(self.t)))

    def test_arguments_that_cannot_be_met_are_refused(self):
        self.assertEqual(self.t.__dlpack_device__(), (1, 0))
        self.t.__dlpack__(stream=None, dl_device=(1, 0), max_version=(1, 0))
        for options, text in (({"stream": 1}, "stream"), ({"dl_device": (2, 0)}, "processor")):
            with self.assertRaisesRegex(BufferError, text):
                self.t.__dlpack__(max_version=(1, 0), **options)
        with self.assertRaisesRegex(BufferError, "gradient"):
            cairn.parameter(self.t).__dlpack__(max_version=(1, 0))

    def test_a_given_state_keeps_its_values(self):
        s = cairn.state(self.t)
        view = np.from_dlpack(s)
        s.assign(cairn.zeros((3, 4)))
        self.assertTrue(np.array_equal(view, np.asarray(self.t)))

    def test_every_dtype_there_and_back(self):
        for dtype in ("f32", "f64", "f16", "bf16", "f8e4m3", "f8e5m2", "i8", "u8", "i32", "i64", "bool"):
            t = cairn.tensor([[0, 1, 2], [3, 1, 0]], dtype=dtype)
            back = cairn.from_dlpack(Giver(t))
            self.assertEqual((back.dtype, back.shape, back.tolist()), (dtype, t.shape, t.tolist()))
        for shape in ((), (0,), (2, 0, 3), (1, 1, 1, 1, 1)):
            self.assertEqual(cairn.from_dlpack(Giver(cairn.ones(shape))).shape, shape)

    def test_what_is_taken_is_copied(self):
        x = numbers((3, 4))
        t = cairn.from_dlpack(x)
        x[:] = 0
        self.assertTrue(np.array_equal(np.asarray(t), numbers((3, 4))))

    def test_strides_of_any_kind_are_read(self):
        x = numbers((4, 5))
        for view in (x.T, x[::2, ::-1], np.asfortranarray(x)):
            self.assertTrue(np.array_equal(np.asarray(cairn.from_dlpack(view)), view))

        def no_strides(m):
            m.tensor.strides = ctypes.POINTER(ctypes.c_int64)()

        self.assertEqual(cairn.from_dlpack(Giver(self.t, change=no_strides)).tolist(), self.t.tolist())

        def offset(m):
            m.tensor.byte_offset, m.tensor.shape[0] = 16, 2

        self.assertEqual(cairn.from_dlpack(Giver(self.t, change=offset)).tolist(), self.t[1:].tolist())

    def test_other_devices_types_and_versions_are_refused_by_name(self):
        def set_code(code, bits, lanes=1):
            def change(m):
                m.tensor.code, m.tensor.bits, m.tensor.lanes = code, bits, lanes

            return change

        def set_major(m):
            m.major = 2

        def set_device(m):
            m.tensor.device_type = 2

        for giver, error, text in ((Giver(self.t, device=(2, 1)), BufferError, "another device"), (Giver(self.t, change=set_device), BufferError, "another device"),
                                   (Giver(self.t, change=set_code(5, 64)), BufferError, "complex"), (Giver(self.t, change=set_code(1, 16)), BufferError, "none of"),
                                   (Giver(self.t, change=set_code(2, 32, 4)), BufferError, "none of"), (Giver(self.t, change=set_major), BufferError, "version 2"),
                                   (object(), AttributeError, "__dlpack__")):
            with self.assertRaisesRegex(error, text):
                cairn.from_dlpack(giver)

    def test_a_capsule_is_taken_once(self):
        class Twice:
            capsule = self.t.__dlpack__(max_version=(1, 0))

            def __dlpack__(self, max_version=None):
                return self.capsule

        cairn.from_dlpack(Twice())
        with self.assertRaisesRegex(TypeError, "not taken yet"):
            cairn.from_dlpack(Twice())

    def test_numpy_takes_it(self):
        mine = np.from_dlpack(self.t)
        self.assertTrue(np.array_equal(mine, np.asarray(self.t)))
        self.assertFalse(np.shares_memory(mine, np.asarray(self.t)))
        if np.lib.NumpyVersion(np.__version__) < "2.1.0":
            self.skipTest("this numpy's from_dlpack() has no copy")
        x = np.from_dlpack(self.t, copy=False)
        self.assertTrue(np.shares_memory(x, np.asarray(self.t)))
        self.assertTrue(np.array_equal(x, np.asarray(self.t)))
        self.assertFalse(x.flags.writeable)


@unittest.skipUnless(torch, "PyTorch is not installed")
class PyTorch(unittest.TestCase):
    def test_there_and_back(self):
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int32, torch.int64, torch.bool):
            x = torch.arange(12).reshape(3, 4).to(dtype)
            for view in (x, x.T, x[::2], x[:, 1:]):
                t = cairn.from_dlpack(view)
                self.assertEqual(t.tolist(), view.tolist())
                back = torch.from_dlpack(t)
                self.assertEqual(back.dtype, dtype)
                self.assertTrue(torch.equal(back, view))

    def test_what_pytorch_writes_into_changes_nothing_of_ours(self):
        t = cairn.tensor(numbers((3,)))
        expected = t.tolist()
        for x in (torch.from_dlpack(t), torch.utils.dlpack.from_dlpack(t), torch.utils.dlpack.from_dlpack(t.__dlpack__())):
            x.add_(5)
            self.assertEqual(t.tolist(), expected)

    def test_lazy_bits_and_gradients_are_refused(self):
        c = torch.ones(3, dtype=torch.complex64)
        for x, text in ((torch._neg_view(torch.ones(3)), "negative bit"), (c.conj().imag, "negative bit"), (c.conj(), "conjugate"),
                        (torch.ones(3, requires_grad=True), "detach"), (c, "complex")):
            with self.assertRaisesRegex(BufferError, text):
                cairn.from_dlpack(x)
        self.assertEqual(cairn.from_dlpack(torch._neg_view(torch.ones(3)).resolve_neg()).tolist(), [-1, -1, -1])


@unittest.skipUnless(jax, "jax is not installed")
class Jax(unittest.TestCase):
    def test_there_and_back(self):
        t = cairn.tensor(numbers((5, 7)))
        x = jax.dlpack.from_dlpack(t)
        self.assertTrue(np.array_equal(np.asarray(x), np.asarray(t)))
        self.assertTrue(np.array_equal(np.asarray(cairn.from_dlpack(x + 1)), np.asarray(t) + 1))
        self.assertTrue(np.array_equal(np.asarray(jax.dlpack.from_dlpack(t[1:].T)), np.asarray(t[1:].T)))


if __name__ == "__main__":
    unittest.main()
