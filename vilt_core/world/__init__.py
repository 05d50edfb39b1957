"""The sticker world: scenes, pictures, language and the truth about them."""
