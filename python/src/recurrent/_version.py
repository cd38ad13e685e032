"""The version of the package and of the library."""

__version__ = "0.1.0"
