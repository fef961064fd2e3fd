"""Languages of fences: which of them are shell text, which are output, a file's content, prose or other programs."""

from __future__ import annotations

from typing import Final

from watchkeeper.core.runbooks.containers import words_of

SHELL_LANGUAGES: Final = words_of("bash sh shell zsh ksh shellscript")
CONSOLE_LANGUAGES: Final = words_of("console shell-session shellsession sh-session bash-session terminal")
CONFIGURATION: Final = words_of(
    "yaml yml json json5 jsonc toml ini conf cfg env dotenv properties xml nginx apache dockerfile docker hcl tf "
    "terraform caddyfile systemd service editorconfig gitignore csv tsv makefile cron crontab proto graphql html "
    "css scss"
)
OUTPUT: Final = words_of("text txt plain plaintext output log logs out stdout stderr none raw")
PROSE: Final = words_of("markdown md mermaid plantuml dot graphviz diff patch ascii art asciidoc rst http")
SOURCE: Final = words_of(
    "python py python3 javascript js typescript ts tsx jsx node ruby rb perl php go rust java c cpp csharp cs lua "
    "r sql psql mysql plsql sqlite promql logql powershell ps1 pwsh bat batch cmd fish awk sed kotlin scala swift "
    "elixir erlang clojure lisp haskell groovy jq vim viml"
)
