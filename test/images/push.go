// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
)

// Push uploads the image to a registry by the plain protocol, so that what no
// client would send can be there: to the registry at base (http://HOST:PORT),
// as repo:tag. An empty tag pushes by digest. Credentials go into base.
func (b *Built) Push(client *http.Client, base, repo, tag string) error {
	for _, child := range b.Children {
		if err := child.Push(client, base, repo, ""); err != nil {
			return err
		}
	}
	for sum, blob := range b.Blobs {
		if err := pushBlob(client, base, repo, sum, blob); err != nil {
			return fmt.Errorf("push blob %s to %s: %w", sum, repo, err)
		}
	}
	if tag == "" {
		tag = b.Digest().String()
	}
	target := fmt.Sprintf("%s/v2/%s/manifests/%s", base, repo, tag)
	_, err := send(client, http.MethodPut, target, b.ManifestType, bytes.NewReader(b.Manifest), int64(len(b.Manifest)))
	if err != nil {
		return fmt.Errorf("push manifest %s:%s: %w", repo, tag, err)
	}
	return nil
}

func pushBlob(client *http.Client, base, repo string, sum digest.Digest, blob Blob) error {
	start := fmt.Sprintf("%s/v2/%s/blobs/uploads/", base, repo)
	header, err := send(client, http.MethodPost, start, "", http.NoBody, 0)
	if err != nil {
		return err
	}
	from, err := url.Parse(start)
	if err != nil {
		return err
	}
	to, err := from.Parse(header.Get("Location"))
	if err != nil {
		return err
	}
	to.User = from.User
	query := to.Query()
	query.Set("digest", sum.String())
	to.RawQuery = query.Encode()
	body, size, err := blob.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = send(client, http.MethodPut, to.String(), "application/octet-stream", body, size)
	return err
}

func send(client *http.Client, method, target, contentType string, body io.Reader, size int64) (http.Header, error) {
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, fmt.Errorf("%s %s: %s: %s", method, req.URL.Redacted(), resp.Status, text)
	}
	return resp.Header, nil
}
