"""The public interface as sorted lines of text: of Python, the command, C, Swift and files."""
