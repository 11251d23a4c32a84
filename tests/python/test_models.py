"""load() and predict(): a run that the program trained, from one thread and from fifty, and inputs that are wrong."""
import pathlib
import tempfile
import threading
import unittest

import numpy as np

from support import cairn, numbers, trained_run


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_folder, cls.pictures = trained_run()
        cls.model = cairn.load(cls.run_folder)

    def test_says_what_it_is(self):
        self.assertEqual(self.model.task, "image-classification")
        self.assertEqual(self.model.inputs, [("pictures", "f32", (None, 1, 28, 28))])
        self.assertEqual(self.model.outputs, ["probabilities"])
        self.assertEqual(self.model.labels, [str(i) for i in range(10)])

    def test_reads_and_predicts_files_and_arrays_alike(self):
        file = sorted(self.pictures.glob("*.png"))[0]
        (picture,) = self.model.read(file)
        by_file = self.model.predict(file)
        self.assertEqual(by_file.shape, (1, 10))
        self.assertAlmostEqual(np.asarray(by_file).sum(), 1, places=5)
        array = np.asarray(picture)
        for given in (picture, array, np.asfortranarray(array), array.copy()[:, :, ::-1][:, :, ::-1], cairn.tensor(array).T if array.ndim == 2 else array):
            self.assertEqual(self.model.predict(given).tolist(), by_file.tolist())
        self.assertEqual(self.model(str(file)).tolist(), by_file.tolist())
        read_only = array.copy()
        read_only.flags.writeable = False
        self.assertEqual(self.model.predict(read_only).tolist(), by_file.tolist())

    def test_batches_are_their_rows(self):
        x = numbers((7, 1, 28, 28))
        rows = np.concatenate([np.asarray(self.model.predict(x[i:i + 1])) for i in range(7)])
        self.assertTrue(np.allclose(np.asarray(self.model.predict(x)), rows, atol=1e-6))
        for batch in range(1, 25):  # more sizes than are kept
            self.assertEqual(self.model.predict(x[:1].repeat(batch, 0)).shape, (batch, 10))
        self.assertTrue(np.allclose(np.asarray(self.model.predict(x)), rows, atol=1e-6))

    def test_all_threads_give_what_one_gives(self):
        x = numbers((5, 1, 28, 28))
        every = cairn.load(self.run_folder, threads=0)
        self.assertTrue(np.allclose(np.asarray(every.predict(x)), np.asarray(self.model.predict(x)), atol=1e-6))
        with self.assertRaisesRegex(cairn.Error, "threads"):
            cairn.load(self.run_folder, threads=-1)

    def test_fifty_threads_give_the_same_bits(self):
        x = numbers((3, 1, 28, 28))
        expected = self.model.predict(x).tolist()
        wrong = []

        def work():
            try:
                for _ in range(20):
                    if self.model.predict(x).tolist() != expected:
                        wrong.append("other numbers")
            except Exception as e:  # noqa: BLE001  told by the main thread
                wrong.append(repr(e))

        threads = [threading.Thread(target=work) for _ in range(50)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def test_wrong_inputs_are_named(self):
        x = numbers((1, 1, 28, 28))
        for given, error, text in ((x.astype("float64"), TypeError, r"'pictures' is f32\[batch, 1, 28, 28\]; got f64.*float32"),
                                   (x.astype("uint8"), TypeError, "got u8"), (x[0], ValueError, r"got f32\[1, 28, 28\]"),
                                   (x.reshape(1, 28, 28, 1), ValueError, r"got f32\[1, 28, 28, 1\]"), (x[:0], ValueError, r"got f32\[0"),
                                   (x.astype("complex64"), TypeError, "none of"), (x.astype(">f4"), TypeError, "big-endian"), (7, TypeError, "a tensor or an array")):
            with self.subTest(text), self.assertRaisesRegex(error, text):
                self.model.predict(given)
        for inputs in ((), (x, x)):
            with self.assertRaisesRegex(TypeError, "takes 1 inputs"):
                self.model.predict(*inputs)

        class OnAnotherDevice:
            def __dlpack_device__(self):
                return (2, 0)

            def __dlpack__(self, **options):
                raise AssertionError("not asked")

        with self.assertRaisesRegex(BufferError, "another device"):
            self.model.predict(OnAnotherDevice())

    def test_files_and_folders_that_are_none(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for path in (folder / "none", folder):
                with self.assertRaisesRegex(cairn.Error, str(folder)):
                    cairn.load(path)
            (folder / "no.png").write_bytes(b"not a picture")
            with self.assertRaisesRegex(cairn.Error, "no.png"):
                self.model.read(folder / "no.png")
            with self.assertRaisesRegex(cairn.Error, "gone.png"):
                self.model.predict(folder / "gone.png")


if __name__ == "__main__":
    unittest.main()
