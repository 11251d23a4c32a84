"""What modules are: a tree with parameters, of the library's nodes (nn.py has all names)."""
from __future__ import annotations

from typing import Any, Dict, Iterator, List, Sequence, Tuple

from . import _cairn
from ._cairn import Tensor


class Parameter:
    """The initial value of a parameter: self.scale = nn.Parameter(cairn.ones((8,)))."""

    def __init__(self, initial: Tensor) -> None:
        self.initial = initial


class Buffer:
    """The initial value of a State that is saved but not trained."""

    def __init__(self, initial: Tensor) -> None:
        self.initial = initial


class Module:
    """What has parameters and children, and a forward(). Assigning one to an attribute makes it a child."""

    _layer: _cairn.Layer

    def __init__(self) -> None:
        object.__setattr__(self, "_layer", _cairn.Layer(type(self).__name__))

    def forward(self, *inputs: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self._layer.run(self.forward, *inputs, **options)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Module, Parameter, Buffer)):
            if "_layer" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__}: call super().__init__() before '{name}' is assigned")
            if isinstance(value, Module):
                self._layer.add_child(name, value._layer)
            elif isinstance(value, Parameter):
                value = self._layer.add_parameter(name, value.initial)
            else:
                value = self._layer.add_buffer(name, value.initial)
        elif isinstance(self.__dict__.get(name), Module) or (name in self.__dict__ and name in self._layer.own_tensors()):
            raise AttributeError(f"{type(self).__name__}.{name} is registered: give a parameter another value by assign()")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):  # a parameter of a layer of the library
            found = self._layer.own_tensors().get(name)
            if found is not None:
                return found
        raise AttributeError(f"{type(self).__name__} has no '{name}'")

    def parameters(self) -> List[Tensor]:
        return self._layer.parameters()

    def named_parameters(self) -> Dict[str, Tensor]:
        return self._layer.named_parameters()

    def named_buffers(self) -> Dict[str, Tensor]:
        return self._layer.named_buffers()

    def num_parameters(self) -> int:
        return self._layer.num_parameters()

    def state_dict(self) -> Dict[str, Tensor]:
        """Parameters and buffers by name: the States themselves. cairn.save_file() writes them."""
        return self._layer.state_dict()

    def load_state_dict(self, values: Dict[str, Any], strict: bool = True) -> Tuple[List[str], List[str]]:
        """Assigns tensors or arrays, all or nothing; gives the names that are missing and unknown."""
        return self._layer.load_state_dict(dict(values), strict)

    @property
    def training(self) -> bool:
        return self._layer.training

    def train(self, on: bool = True) -> "Module":
        self._layer.train(on)
        return self

    def eval(self) -> "Module":
        return self.train(False)

    def to(self, dtype: Any) -> "Module":
        self._layer.to(dtype)
        return self

    def zero_grad(self) -> None:
        self._layer.zero_grad()

    def freeze(self, frozen: bool = True) -> "Module":
        self._layer.freeze(frozen)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_parameters()} parameters)"


class Sequential(Module):
    """Calls its modules one after another."""

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            setattr(self, str(i), module)
        object.__setattr__(self, "_modules", modules)

    def forward(self, x: Tensor) -> Tensor:
        for module in self._modules:
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, i: int) -> Module:
        return self._modules[i]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)


class ModuleList(Module):
    """A list of modules that its owner calls."""

    def __init__(self, modules: Sequence[Module] = ()) -> None:
        super().__init__()
        self._layer.be_list()
        object.__setattr__(self, "_modules", [])
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        setattr(self, str(len(self._modules)), module)
        self._modules.append(module)

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, i: int) -> Module:
        return self._modules[i]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)


def _options(values: Dict[str, Any]) -> Dict[str, Any]:
    """What a constructor was given, by name: of its locals()."""
    return {name: value for name, value in values.items() if name not in ("self", "__class__")}
