// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// LayerDirs gives the lower directories of an image's root file system in the
// overlay driver, the top one first, as overlayfs wants them. Those of the
// store itself are short links relative to Root ("overlay/l/ABC..."), so that
// many fit into one mount call; those of an additional store are absolute. An
// image without layers has none. Other drivers have no such directories: the
// error is of class unsupported.
//
// It reads the image's record and two small files, not the list of layers. A
// link that a power cut emptied, or that leads nowhere, is ErrDamaged.
func (s *Store) LayerDirs(ctx context.Context, imageID string) ([]string, error) {
	img, err := s.record(ctx, imageID)
	if err != nil {
		return nil, err
	}
	if s.Driver() != "overlay" {
		return nil, unsupported(imageID, fmt.Errorf("the storage driver %s has no layer directories", s.Driver()))
	}
	if img.TopLayer == "" {
		return nil, nil
	}
	links, err := s.layerLinks(img.TopLayer)
	if err != nil {
		return nil, damaged(img.ID, "layer "+shortID(img.TopLayer), err)
	}
	dirs := make([]string, 0, len(links))
	for _, link := range links {
		dir, err := s.layerDir(link)
		if err != nil {
			return nil, damaged(img.ID, "layer link "+link, err)
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// layerLinks reads the short link of a layer, and those of what is below it.
func (s *Store) layerLinks(layer string) ([]string, error) {
	home, err := s.layerHome(layer)
	if err != nil {
		return nil, err
	}
	link, err := os.ReadFile(filepath.Join(home, layer, "link"))
	if err != nil {
		return nil, err
	}
	links := []string{"l/" + strings.TrimSpace(string(link))}
	lower, err := os.ReadFile(filepath.Join(home, layer, "lower"))
	if err == nil {
		links = append(links, strings.Split(strings.TrimSpace(string(lower)), ":")...)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, link := range links {
		if !validLink(link) {
			return nil, fmt.Errorf("%q is not the link of a layer", link)
		}
	}
	return links, nil
}

// layerHome finds the overlay directory that has a layer.
func (s *Store) layerHome(layer string) (string, error) {
	if !filepath.IsLocal(layer) || strings.ContainsRune(layer, '/') {
		return "", fmt.Errorf("%q is not the ID of a layer", layer)
	}
	for _, home := range s.layerHomes() {
		if _, err := os.Lstat(filepath.Join(home, layer)); err == nil {
			return home, nil
		}
	}
	return "", fmt.Errorf("%s/overlay/%s: %w", s.root, layer, os.ErrNotExist)
}

// layerHomes are the overlay directories of the store and of additional ones.
func (s *Store) layerHomes() []string {
	homes := []string{filepath.Join(s.lib.GraphRoot(), "overlay")}
	if store := s.lib.ImageStore(); store != "" {
		homes = append(homes, filepath.Join(store, "overlay"))
	}
	for _, opt := range s.lib.GraphOptions() {
		key, stores, _ := strings.Cut(opt, "=")
		switch strings.ToLower(strings.TrimPrefix(key, "overlay.")) {
		case "imagestore", "additionalimagestore":
			for store := range strings.SplitSeq(stores, ",") {
				homes = append(homes, filepath.Join(store, "overlay"))
			}
		}
	}
	return homes
}

// layerDir resolves a short link to the directory that goes into a mount.
func (s *Store) layerDir(link string) (string, error) {
	own := filepath.Join(s.root, "overlay")
	for _, home := range s.layerHomes() {
		path := filepath.Join(home, link)
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if !info.IsDir() {
			return "", fmt.Errorf("%s is not a directory", path)
		}
		if home == own {
			return filepath.Join("overlay", link), nil
		}
		return path, nil
	}
	return "", os.ErrNotExist
}

// validLink tells "l/" and the 26 letters and digits that the driver makes up.
func validLink(link string) bool {
	name, ok := strings.CutPrefix(link, "l/")
	if !ok || len(name) != 26 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && !isDigit(c) {
			return false
		}
	}
	return true
}
