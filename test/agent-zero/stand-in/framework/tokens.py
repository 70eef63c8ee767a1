"""Tokens, by a package that fetches its table from the network."""

import tiktoken


def count_tokens(text):
    return len(tiktoken.get_encoding("cl100k_base").encode(text, disallowed_special=()))
