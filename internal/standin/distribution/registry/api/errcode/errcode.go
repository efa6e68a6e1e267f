// SPDX-License-Identifier: Apache-2.0

// Package errcode has the error codes of the registry protocol, for the image
// library, in place of the package of that name in docker/distribution. That
// one comes with a URL router and with patterns that are compiled at every
// start: a fifth of the start time of a program that only parses an error body
// with it. docs/start-cost.md has the numbers.
package errcode

import (
	"encoding/json"
	"fmt"
	"strings"
)

// ErrorCode is one of the codes in the table.
type ErrorCode int

// ErrorCoder is an error with a code.
type ErrorCoder interface {
	ErrorCode() ErrorCode
}

// The codes of the distribution specification.
const (
	ErrorCodeUnknown ErrorCode = iota
	ErrorCodeUnsupported
	ErrorCodeUnauthorized
	ErrorCodeDenied
	ErrorCodeUnavailable
	ErrorCodeTooManyRequests
	ErrorCodeBlobUnknown
	ErrorCodeBlobUploadInvalid
	ErrorCodeBlobUploadUnknown
	ErrorCodeDigestInvalid
	ErrorCodeManifestBlobUnknown
	ErrorCodeManifestInvalid
	ErrorCodeManifestUnknown
	ErrorCodeManifestUnverified
	ErrorCodeNameInvalid
	ErrorCodeNameUnknown
	ErrorCodeSizeInvalid
	ErrorCodeTagInvalid
)

var table = [...]ErrorDescriptor{
	ErrorCodeUnknown:             {Value: "UNKNOWN", Message: "unknown error", HTTPStatusCode: 500},
	ErrorCodeUnsupported:         {Value: "UNSUPPORTED", Message: "The operation is unsupported.", HTTPStatusCode: 405},
	ErrorCodeUnauthorized:        {Value: "UNAUTHORIZED", Message: "authentication required", HTTPStatusCode: 401},
	ErrorCodeDenied:              {Value: "DENIED", Message: "requested access to the resource is denied", HTTPStatusCode: 403},
	ErrorCodeUnavailable:         {Value: "UNAVAILABLE", Message: "service unavailable", HTTPStatusCode: 503},
	ErrorCodeTooManyRequests:     {Value: "TOOMANYREQUESTS", Message: "too many requests", HTTPStatusCode: 429},
	ErrorCodeBlobUnknown:         {Value: "BLOB_UNKNOWN", Message: "blob unknown to registry", HTTPStatusCode: 404},
	ErrorCodeBlobUploadInvalid:   {Value: "BLOB_UPLOAD_INVALID", Message: "blob upload invalid", HTTPStatusCode: 404},
	ErrorCodeBlobUploadUnknown:   {Value: "BLOB_UPLOAD_UNKNOWN", Message: "blob upload unknown to registry", HTTPStatusCode: 404},
	ErrorCodeDigestInvalid:       {Value: "DIGEST_INVALID", Message: "provided digest did not match uploaded content", HTTPStatusCode: 400},
	ErrorCodeManifestBlobUnknown: {Value: "MANIFEST_BLOB_UNKNOWN", Message: "blob unknown to registry", HTTPStatusCode: 400},
	ErrorCodeManifestInvalid:     {Value: "MANIFEST_INVALID", Message: "manifest invalid", HTTPStatusCode: 400},
	ErrorCodeManifestUnknown:     {Value: "MANIFEST_UNKNOWN", Message: "manifest unknown", HTTPStatusCode: 404},
	ErrorCodeManifestUnverified:  {Value: "MANIFEST_UNVERIFIED", Message: "manifest failed signature verification", HTTPStatusCode: 400},
	ErrorCodeNameInvalid:         {Value: "NAME_INVALID", Message: "invalid repository name", HTTPStatusCode: 400},
	ErrorCodeNameUnknown:         {Value: "NAME_UNKNOWN", Message: "repository name not known to registry", HTTPStatusCode: 404},
	ErrorCodeSizeInvalid:         {Value: "SIZE_INVALID", Message: "provided length did not match content length", HTTPStatusCode: 400},
	ErrorCodeTagInvalid:          {Value: "TAG_INVALID", Message: "manifest tag did not match URI", HTTPStatusCode: 400},
}

// ErrorDescriptor says what a code stands for.
type ErrorDescriptor struct {
	Code           ErrorCode
	Value          string // as it is in an error body
	Message        string
	HTTPStatusCode int
}

// ErrorCode gives the code itself.
func (ec ErrorCode) ErrorCode() ErrorCode { return ec }

// Descriptor gives what is known of a code.
func (ec ErrorCode) Descriptor() ErrorDescriptor {
	if ec < 0 || int(ec) >= len(table) {
		ec = ErrorCodeUnknown
	}
	d := table[ec]
	d.Code = ec
	return d
}

// Error gives the code in words: "manifest unknown".
func (ec ErrorCode) Error() string {
	return strings.ToLower(strings.ReplaceAll(ec.String(), "_", " "))
}

// String gives the code as it is in an error body.
func (ec ErrorCode) String() string { return ec.Descriptor().Value }

// Message gives the sentence that belongs to the code.
func (ec ErrorCode) Message() string { return ec.Descriptor().Message }

// MarshalText writes the code as it is in an error body.
func (ec ErrorCode) MarshalText() ([]byte, error) { return []byte(ec.String()), nil }

// UnmarshalText reads a code; one that is not in the table is unknown.
func (ec *ErrorCode) UnmarshalText(text []byte) error {
	*ec = ErrorCodeUnknown
	for code, d := range table {
		if d.Value == string(text) {
			*ec = ErrorCode(code)
		}
	}
	return nil
}

// WithMessage makes an error with a message of its own.
func (ec ErrorCode) WithMessage(message string) Error {
	return Error{Code: ec, Message: message}
}

// WithDetail makes an error with a detail.
func (ec ErrorCode) WithDetail(detail any) Error {
	return Error{Code: ec, Message: ec.Message(), Detail: detail}
}

// Error is one error of an error body.
type Error struct {
	Code    ErrorCode `json:"code"`
	Message string    `json:"message"`
	Detail  any       `json:"detail,omitempty"`
}

// ErrorCode gives the code.
func (e Error) ErrorCode() ErrorCode { return e.Code }

// Error gives code and message.
func (e Error) Error() string { return fmt.Sprintf("%s: %s", e.Code.Error(), e.Message) }

// Errors is an error body.
type Errors []error

// Error gives all of them.
func (errs Errors) Error() string {
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	if len(texts) == 0 {
		return "<nil>"
	}
	return strings.Join(texts, "; ")
}

// UnmarshalJSON reads an error body. An error that says no more than its code
// becomes the code.
func (errs *Errors) UnmarshalJSON(data []byte) error {
	var body struct {
		Errors []Error `json:"errors"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return err
	}
	*errs = nil
	for _, e := range body.Errors {
		if e.Detail == nil && (e.Message == "" || e.Message == e.Code.Message()) {
			*errs = append(*errs, e.Code)
			continue
		}
		*errs = append(*errs, e)
	}
	return nil
}
