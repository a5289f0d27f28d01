module lethe

go 1.26.0

toolchain go1.26.8

require (
	aead.dev/minisign v0.3.0
	github.com/landlock-lsm/go-landlock v0.11.0
	github.com/miekg/dns v1.1.73
	github.com/pelletier/go-toml/v2 v2.4.3
	golang.org/x/crypto v0.58.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
	golang.org/x/text v0.43.0
)

require kernel.org/pub/linux/libs/security/libcap/psx v1.2.77 // indirect
