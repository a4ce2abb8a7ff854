"""SVG made fit to stand within a page whose content security policy allows no style attribute."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Only what matplotlib has just written is parsed here, nothing from outside.
from xml.etree import ElementTree as ET

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_STYLE = f"{{{_SVG}}}style"
_LEFT_OUT = (f"{{{_SVG}}}metadata", _STYLE)
# A tenth of a point is less than a pixel.
_LONG_NUMBER = re.compile(r"-?\d+\.\d\d+")
# A font as matplotlib writes it: "9px 'DejaVu Sans', 'Bitstream Vera Sans', …". Which one is left to the page.
_FONT = re.compile(r"([\d.]+)px\b")


def inline(document: str, *, name: str, title: str, classes: Mapping[str, str]) -> str:
    """
    The `<svg>` element of a document by matplotlib, without declarations, style sheet or style attributes.

    Styles become presentation attributes, colours of `classes` a class each, to be coloured by the page. Ids that
    nothing refers to go, the others begin with `name`. `title` is the alternative text.
    """
    root = ET.fromstring(document)  # noqa: S314 - see the import
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _LEFT_OUT or any(grandchild.tag == _STYLE for grandchild in child):
                parent.remove(child)
    for element in root.iter():
        _unstyle(element, classes)
    _rename(root, name)
    # The style sheet gives the width; the shape comes from the view box.
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title")
    label = ET.Element(f"{{{_SVG}}}title", {"id": f"{name}-title"})
    label.text = title
    root.insert(0, label)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
        if "d" in element.attrib:
            element.set("d", " ".join(element.attrib["d"].split()))
    return re.sub(r">\s+<", "><", ET.tostring(root, encoding="unicode"))


def _unstyle(element: ET.Element, classes: Mapping[str, str]) -> None:
    style = element.attrib.pop("style", "")
    found = []
    for declaration in filter(None, map(str.strip, style.split(";"))):
        attribute, _, value = (part.strip() for part in declaration.partition(":"))
        if attribute == "font-family":
            continue
        if attribute == "font":
            # The page's own font at this size.
            size = _FONT.search(value)
            if size:
                element.set("font-size", size[1])
        elif value in classes:
            found.append(f"{attribute}-{classes[value]}")
        else:
            element.set(attribute, value)
    for attribute in ("d", "x", "y", "transform"):
        if attribute in element.attrib:
            element.set(attribute, _LONG_NUMBER.sub(_short, element.attrib[attribute]))
    if found:
        element.set("class", " ".join(found))


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}"


def _rename(root: ET.Element, name: str) -> None:
    used = set()
    for element in root.iter():
        for value in element.attrib.values():
            used.update(re.findall(r"url\(#([^)]+)\)", value))
            if value.startswith("#"):
                used.add(value[1:])
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in used:
            element.set("id", f"{name}-{identity}")
        for attribute, value in list(element.attrib.items()):
            if value.startswith("#") and value[1:] in used:
                element.set(attribute, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(attribute, value.replace("url(#", f"url(#{name}-"))
