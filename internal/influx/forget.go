package influx

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/valyala/fastjson"
)

// Forget takes everything away that bucket open has of the stations whose ids
// begin with prefix, in all datasets and windows. A nil error means that it is
// gone; where there is nothing, nothing is done.
//
// It is for stations that were invented. The prefix must not be empty: nothing
// of this program empties bucket open.
func (c *Client) Forget(ctx context.Context, prefix string) error {
	if prefix == "" {
		return errors.New("forget stations: want the beginning of their ids")
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(prefix), "/", `\/`)
	// As a stream, for it may take longer than a request may.
	err := c.stream(ctx, Open, "DELETE WHERE "+ident(TagStation)+" =~ /^"+pattern+"/", func(*fastjson.Value) error { return nil })
	if err != nil {
		return fmt.Errorf("forget stations %s*: %w", prefix, err)
	}
	return nil
}
