package influx

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"modellregion/devices"
)

// aboutThePoints are words of an answer that blame the points. InfluxDB 2
// reported conflicting types of a field as an internal error for a long time.
var aboutThePoints = []string{"partial write", "field type conflict", "beyond retention policy", "outside retention policy", "unable to parse"}

// writeError classifies why something was not written.
//
//	no answer, 408, 425, 429, 502, 503, 504   FaultBusy, with Retry-After
//	other 5xx                                 FaultBusy, Internal; but FaultRefused when it speaks of a partial
//	                                          write, of the type of a field or of the retention
//	401, 402, 403, 404, 405, 407, 410, 3xx    FaultDenied
//	2xx but 204 and 201                       FaultDenied: this is no InfluxDB
//	413                                       FaultTooLarge
//	400, 422, other 4xx                       FaultRefused: the server has the other points, or none
//	201                                       FaultRefused: how InfluxDB 3 reported a partial write for some time
func writeError(err error) *devices.WriteError {
	var answer *ihttp.Error
	if !errors.As(err, &answer) {
		return &devices.WriteError{Fault: devices.FaultBusy, Err: err}
	}
	w := &devices.WriteError{
		RetryAfter: time.Duration(answer.RetryAfter) * time.Second,
		Err:        answered(err),
	}
	switch code := answer.StatusCode; code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		w.Fault = devices.FaultBusy
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired, http.StatusGone:
		w.Fault = devices.FaultDenied
	case http.StatusRequestEntityTooLarge:
		w.Fault = devices.FaultTooLarge
	case http.StatusCreated:
		w.Fault = devices.FaultRefused
	default:
		switch {
		case code >= 500 && !containsAny(answer.Error(), aboutThePoints):
			w.Fault, w.Internal = devices.FaultBusy, true
		case code >= 400:
			w.Fault = devices.FaultRefused
		default:
			w.Fault = devices.FaultDenied
		}
	}
	return w
}

func containsAny(s string, words []string) bool {
	for _, word := range words {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

// status returns the status of the answer that err is about, or 0.
func status(err error) int {
	var answer *ihttp.Error
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// answered makes an error of the library say the status of the answer, which
// it leaves out.
func answered(err error) error {
	if code := status(err); code != 0 {
		return fmt.Errorf("InfluxDB answers %d: %w", code, err)
	}
	return err
}

// denied reports whether the login is not accepted, or may not do that.
func denied(err error) bool {
	code := status(err)
	return code == http.StatusUnauthorized || code == http.StatusForbidden
}

// hopeless reports whether the same points would fail again, alone or in
// smaller company.
func hopeless(err error) bool {
	var w *devices.WriteError
	return errors.As(err, &w) && (w.Fault == devices.FaultRefused || w.Fault == devices.FaultTooLarge)
}

// refuse returns the error about a point that has no form in line protocol.
func refuse(format string, args ...any) *devices.WriteError {
	return &devices.WriteError{Fault: devices.FaultRefused, Err: fmt.Errorf(format, args...)}
}
