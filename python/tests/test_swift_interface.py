"""The Swift library's public declarations: none takes or returns a pointer; arrays are spans."""

import re
import sys

import pytest

from support import ROOT

sys.path.append(str(ROOT / "python" / "tools"))
swift_source = pytest.importorskip("interface.swift_source", reason="the tools are those of a checkout")

POINTER = re.compile(r"\b(?:Unsafe(?:Mutable)?(?:Raw)?(?:Buffer)?Pointer|OpaquePointer)\b")


def pointers():
    """The public declarations with a pointer, with their files."""
    files = sorted((ROOT / "Sources/Recurrent").rglob("*.swift"))
    assert len(files) > 50
    return [
        f"{path.name}: {' '.join(declaration.split())}"
        for path in files
        for _, declaration in swift_source.declarations(path.read_text())
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
    found = [declaration for _, declaration in swift_source.declarations(text) if POINTER.search(declaration)]
    names = [re.findall(r"one|two|init|four|three", declaration)[0] for declaration in found]
    assert names == ["one", "two", "init", "three", "four"]
