"""The code of docs/python.md runs, one block after another."""
import os
import pathlib
import re
import tempfile
import unittest

from support import trained_run

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "python.md"


class Page(unittest.TestCase):
    def test_its_blocks_run(self):
        blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
        self.assertEqual(len(blocks), 3)
        run, pictures = trained_run()
        here = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                os.symlink(run, "run")
                os.symlink(pictures, "pictures")
                names = {}
                for block in blocks:
                    exec(compile(block, str(PAGE), "exec"), names)
                self.assertEqual(names["probabilities"].shape, (8, 10))
                self.assertLess(names["loss"].item(), 10)
                self.assertTrue(os.path.exists("net.safetensors"))
            finally:
                os.chdir(here)


if __name__ == "__main__":
    unittest.main()
