"""One module for each subcommand; `cli.registry` says what such a module holds."""
