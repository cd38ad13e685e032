"""The Swift library's public declarations: none takes or returns a pointer; arrays are spans."""

import re

from support import ROOT

POINTER = re.compile(r"\b(?:Unsafe(?:Mutable)?(?:Raw)?(?:Buffer)?Pointer|OpaquePointer)\b")


def public_declarations(text):
    """The declarations of a Swift file that are public, each from ``public`` to its body or its end."""
    code = re.sub(r"//.*| << | >> ", "", text)
    for start in re.finditer(r"^[ \t]*(?:@\w+(?:\([^)]*\))?\s+)*(public)\b", code, re.M):
        depth, end = 0, start.end()
        while end < len(code):
            sign = code[end]
            depth += (sign in "(<[") - (sign in ")]") - (sign == ">" and code[end - 1] != "-")
            if depth <= 0 and sign in "{\n":
                break
            end += 1
        yield code[start.start(1) : end]
    # the cases of a public enum are public as well
    for enum in re.finditer(r"^([ \t]*)public (?:indirect )?enum\b.*?^\1\}", code, re.M | re.S):
        yield from re.findall(r"^[ \t]*case \w+\(.*", enum[0], re.M)


def pointers():
    """The public declarations with a pointer, with their files."""
    files = sorted((ROOT / "Sources/Recurrent").rglob("*.swift"))
    assert len(files) > 50
    return [
        f"{path.name}: {' '.join(declaration.split())}"
        for path in files
        for declaration in public_declarations(path.read_text())
        if POINTER.search(declaration)
    ]


def test_no_declaration_has_a_pointer():
    assert pointers() == []


def test_the_search_finds_pointers():
    text = """
  /// A comment that names UnsafeRawPointer.
  public func one(
    _ x: UnsafeRawPointer?,
    count: Int
  ) throws(E) -> Int { 0 }
  public var two: UnsafeMutablePointer<Float>
  public init<T: Real>(_ p: (Int) -> UnsafePointer<T>) {}
  public enum Three {
    case three(UnsafeMutableRawPointer)
  }
  public func four(_ x: UnsafeRawBufferPointer) { let p: UnsafeRawPointer }
  func five(_ x: UnsafeRawPointer) {}
  package var six: UnsafeRawPointer
  @_specialize(where C == UnsafeBufferPointer<Int>)
  public func seven(_ x: Span<Int>) {}
"""
    found = [declaration for declaration in public_declarations(text) if POINTER.search(declaration)]
    names = [re.findall(r"one|two|init|four|three", declaration)[0] for declaration in found]
    assert names == ["one", "two", "init", "four", "three"]
