"""The PinSage model: convolutions, head and layerwise inference."""
