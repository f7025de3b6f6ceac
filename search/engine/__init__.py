"""The engine: catalog, index and encoder of one library, and the searches over them."""
