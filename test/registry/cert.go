// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// certify makes an authority and a certificate for the loopback address, and
// gives the path of the pair without its suffix.
func (r *Registry) certify() (string, error) {
	authority, authorityKey, err := certificate(nil, nil, "tug test authority")
	if err != nil {
		return "", err
	}
	leaf, leafKey, err := certificate(authority, authorityKey, "127.0.0.1")
	if err != nil {
		return "", err
	}
	r.CertDir = filepath.Join(r.dir, "certs")
	if err := os.MkdirAll(r.CertDir, 0o755); err != nil {
		return "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return "", err
	}
	pair := filepath.Join(r.dir, "server")
	for path, block := range map[string]*pem.Block{
		filepath.Join(r.CertDir, "ca.crt"): {Type: "CERTIFICATE", Bytes: authority.Raw},
		pair + ".crt":                      {Type: "CERTIFICATE", Bytes: leaf.Raw},
		pair + ".key":                      {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return "", err
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	r.Client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	return pair, nil
}

// certificate makes one that parent signs, or an authority without a parent.
func certificate(parent *x509.Certificate, parentKey *ecdsa.PrivateKey, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign
		parent, parentKey = template, key
	} else {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		template.DNSNames = []string{"localhost"}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	return cert, key, err
}
