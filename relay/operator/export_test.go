package operator

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SignBytes signs a file that lethe sign would refuse.
func SignBytes(key, path string) error {
	c := newCommand(Stdio{In: strings.NewReader("")}, "sign", "")
	k, err := c.secretKey(key)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return replace(file{path + ".minisig", signature(k, text, filepath.Base(path), time.Now()), public})
}
