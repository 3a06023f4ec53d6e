"""Write torch tensors by type, shape and values; where they live is no content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlock.identity.hashing import hash_buffer
from interlock.identity.scalars import Encoding, frame

if TYPE_CHECKING:
    from interlock.identity.walk import Encoder, Walk


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder of tensors and of the names of their types."""
    import torch  # loaded already: a value of it is being digested

    if issubclass(cls, torch.Tensor):
        return _encode_tensor
    if issubclass(cls, (torch.dtype, torch.device)):
        return lambda value, walk: b"n" + frame(f"torch:{value}")
    return None


def _encode_tensor(tensor: Any, walk: Walk) -> Encoding:
    import torch

    plain = tensor.detach().cpu()
    if plain.layout is not torch.strided or plain.is_quantized:
        plain = plain.to_dense() if not plain.is_quantized else plain.dequantize()
    plain = plain.resolve_conj().resolve_neg().contiguous()
    raw = plain.reshape(-1).view(torch.uint8).numpy() if plain.numel() else b""
    kind = f"{tensor.dtype} {tensor.layout} {tuple(tensor.shape)} {tensor.requires_grad}"
    return b"X" + walk.encode(type(tensor)) + frame(kind) + hash_buffer(memoryview(raw))
