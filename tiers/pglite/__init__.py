"""PGlite directories (PostgreSQL compiled to WebAssembly): which engine opens one, who uses it, and opening it."""
