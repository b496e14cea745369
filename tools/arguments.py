"""What a generator is asked for: one word."""
import sys


def asked_for(usage, *modes):
    """The only argument: one of `modes`, or a path to write to. Ends with the usage otherwise: a mistyped option is no path."""
    words = sys.argv[1:]
    if len(words) != 1 or (words[0].startswith("-") and words[0] not in modes):
        sys.exit(usage)
    return words[0]
