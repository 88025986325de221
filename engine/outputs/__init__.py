"""Where alerts go: stdout, file, syslog, program, http; each with its own queue and thread."""
