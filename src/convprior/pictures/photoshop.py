"""The part of a JPEG that Photoshop began (APP13): captions to keep, and a thumbnail that is stale.

It is a row of resources, each with a number, a name and content, all of even length (Adobe's
"Photoshop File Formats Specification", Image Resource Blocks).
"""

HEAD = b"Photoshop 3.0\0"
THUMBNAILS = (1033, 1036)


def without_thumbnail(content: bytes) -> bytes:
    """Return the content of the part without its thumbnail, as it came if it is of another kind."""
    if not content.startswith(HEAD):
        return content
    at, kept = len(HEAD), HEAD
    while content[at : at + 4] == b"8BIM" and at + 12 <= len(content):
        number, name = int.from_bytes(content[at + 4 : at + 6]), content[at + 6]
        begin = at + 7 + name + (name + 1) % 2
        length = int.from_bytes(content[begin : begin + 4])
        end = begin + 4 + length + length % 2
        kept += b"" if number in THUMBNAILS else content[at:end]
        at = end
    return kept + content[at:]
