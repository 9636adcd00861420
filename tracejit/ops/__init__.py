"""The op table: every op of the library, one definition each, and the plain functions made of them."""
