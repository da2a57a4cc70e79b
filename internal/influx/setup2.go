package influx

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api"
	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/domain"
)

// doer lets the generated client of the library return the *ihttp.Error of an
// answer, in place of its text.
type doer struct{ service ihttp.Service }

// Do implements domain.HTTPRequestDoer.
func (d doer) Do(req *http.Request) (*http.Response, error) {
	var resp *http.Response
	failed := d.service.DoHTTPRequest(req, nil, func(r *http.Response) error {
		resp = r
		return nil
	})
	if failed != nil {
		return nil, answered(failed)
	}
	return resp, nil
}

// create2 creates a bucket of InfluxDB 2.x, and the mapping without which
// InfluxQL finds nothing in it.
func (c *Client) create2(ctx context.Context, name string, keep time.Duration) error {
	if c.cfg.Org == "" {
		return fmt.Errorf("InfluxDB 2 wants the name of an organisation, and none is configured")
	}
	client, err := domain.NewClient(c.influx.HTTPService().ServerURL(), doer{c.influx.HTTPService()})
	if err != nil {
		return err
	}
	bucket, err := bucket2(ctx, client, c.cfg.Org, name, keep)
	if err != nil {
		return err
	}
	return mapping2(ctx, client, bucket)
}

// bucket2 returns the bucket, which it creates when it is missing.
func bucket2(ctx context.Context, client *domain.Client, org, name string, keep time.Duration) (*domain.Bucket, error) {
	buckets := api.NewBucketsAPI(client)
	found, err := client.GetBuckets(ctx, &domain.GetBucketsParams{Org: &org, Name: &name})
	if err != nil && status(err) != http.StatusNotFound {
		return nil, fmt.Errorf("look for it in organisation %s: %w", org, err)
	}
	if err == nil && found.Buckets != nil && len(*found.Buckets) > 0 {
		bucket := (*found.Buckets)[0]
		return &bucket, keep2(ctx, buckets, &bucket, keep)
	}
	command := fmt.Sprintf("influx bucket create --org %s --name %s --retention %ds", org, name, int64(keep/time.Second))
	owner, err := api.NewOrganizationsAPI(client).FindOrganizationByName(ctx, org)
	if err != nil {
		return nil, fmt.Errorf("it is missing, and so is organisation %s, or the token may not see it (%w): run %s", org, err, command)
	}
	var rules []domain.RetentionRule
	if keep > 0 {
		rules = []domain.RetentionRule{{EverySeconds: int64(keep / time.Second)}}
	}
	bucket, err := buckets.CreateBucketWithName(ctx, owner, name, rules...)
	if err != nil {
		return nil, fmt.Errorf("it is missing, and cannot be created (%w): run %s", err, command)
	}
	return bucket, nil
}

// keep2 sets how long a bucket keeps its points, if the login may.
func keep2(ctx context.Context, buckets api.BucketsAPI, bucket *domain.Bucket, keep time.Duration) error {
	var now int64 // seconds, 0 for ever
	if len(bucket.RetentionRules) > 0 {
		now = bucket.RetentionRules[0].EverySeconds
	}
	want := int64(keep / time.Second)
	if now == want {
		return nil
	}
	bucket.RetentionRules = domain.RetentionRules{{EverySeconds: want}}
	if _, err := buckets.UpdateBucket(ctx, bucket); err != nil && !denied(err) {
		return fmt.Errorf("keep its points for %v: %w", keep, err)
	}
	return nil
}

// mapping2 makes database NAME of InfluxQL be bucket NAME. Newer versions have
// a mapping for each bucket of themselves.
func mapping2(ctx context.Context, client *domain.Client, bucket *domain.Bucket) error {
	name := bucket.Name
	found, err := client.GetDBRPs(ctx, &domain.GetDBRPsParams{OrgID: bucket.OrgID, Db: &name})
	if err != nil {
		return fmt.Errorf("look for the DBRP mapping of database %s: %w", name, err)
	}
	mapped := false
	for m := range defaults(found) {
		if m.BucketID != *bucket.Id {
			return fmt.Errorf("database %s of InfluxQL is another bucket: delete its mapping with influx v1 dbrp delete --id %s", name, m.Id)
		}
		mapped = true
	}
	if mapped {
		return nil
	}
	isDefault := true
	if _, err = client.PostDBRP(ctx, &domain.PostDBRPAllParams{Body: domain.PostDBRPJSONRequestBody{
		BucketID: *bucket.Id, Database: name, Default: &isDefault, OrgID: bucket.OrgID, RetentionPolicy: name,
	}}); err != nil {
		return fmt.Errorf("without a DBRP mapping InfluxQL finds nothing in it, and it cannot be created (%w): run influx v1 dbrp create --bucket-id %s --db %s --rp %s --default",
			err, *bucket.Id, name, name)
	}
	return nil
}

// defaults yields the mappings that are used where no retention policy is
// named.
func defaults(found *domain.DBRPs) iter.Seq[domain.DBRP] {
	return func(yield func(domain.DBRP) bool) {
		if found.Content == nil {
			return
		}
		for _, m := range *found.Content {
			if m.Default && !yield(m) {
				return
			}
		}
	}
}
