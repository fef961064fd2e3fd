#!/bin/sh
# The duty phone of the sample: one page per line. The message comes as JSON on standard input.
set -eu
{ tr -d '\n'; echo; } >> {{fleet}}/pages.jsonl
