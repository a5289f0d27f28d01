package operator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Modes of the files written here.
const (
	secret os.FileMode = 0o600
	public os.FileMode = 0o644
)

// A file is one to be written.
type file struct {
	path string
	data []byte
	mode os.FileMode
}

// create writes new files, all or none. It never overwrites.
func create(files ...file) (err error) {
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			return fmt.Errorf("%s exists; it is not overwritten: choose another place or move it away", f.path)
		}
	}
	var made []string
	defer func() {
		if err != nil {
			for _, path := range made {
				os.Remove(path)
			}
		}
	}()
	for _, f := range files {
		// O_EXCL, as somebody else may have made it meanwhile.
		w, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if err != nil {
			return about(f.path, err, "see that the folder exists and you may write there")
		}
		made = append(made, f.path)
		if err := fill(w, f.data, f.mode); err != nil {
			return about(f.path, err, "see that the disk is not full")
		}
	}
	return syncFolder(filepath.Dir(files[0].path))
}

// replace writes a file anew, so that who reads it at any moment, or after a
// crash, finds the old bytes or the new ones. A file that exists keeps its
// mode, and a link keeps pointing to it.
func replace(f file) error {
	if target, err := filepath.EvalSymlinks(f.path); err == nil {
		f.path = target
	}
	if old, err := os.Stat(f.path); err == nil {
		f.mode = old.Mode().Perm()
	}
	folder := filepath.Dir(f.path)
	w, err := os.CreateTemp(folder, "."+filepath.Base(f.path)+".*")
	if err != nil {
		return about(f.path, err, "see that you may write in its folder")
	}
	if err := fill(w, f.data, f.mode); err != nil {
		os.Remove(w.Name())
		return about(f.path, err, "see that the disk is not full")
	}
	if err := os.Rename(w.Name(), f.path); err != nil {
		os.Remove(w.Name())
		return about(f.path, err, "see that you may write in its folder")
	}
	return syncFolder(folder)
}

// fill writes all of a file and closes it. The mode is set again, because the
// process's umask may have taken from it.
func fill(w *os.File, data []byte, mode os.FileMode) error {
	_, err := w.Write(data)
	return errors.Join(err, w.Chmod(mode), w.Sync(), w.Close())
}

// syncFolder makes new names in a folder last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return about(path, err, "see that you may read the folder")
	}
	return errors.Join(d.Sync(), d.Close())
}
