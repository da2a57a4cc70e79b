.PHONY: demo test race lint build ingest edge packages golden clean

# Everything in one process, with a simulated region.
demo:
	go run ./cmd/modellregion demo

test:
	go test ./...

race:
	go test -race ./...

lint:
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# The platform for this machine.
build:
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o bin/ ./cmd/modellregion

# The ingest alone, beside a broker and an InfluxDB of the region's own: a third
# of the size.
ingest:
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -tags ingestonly,nethttpomithttp2 -o bin/modellregion-ingest ./cmd/modellregion

# The gateway program for the machines that gateways are. It believes no time
# before the day on which it was built. What it speaks is HTTP/1.1 alone, and a
# gateway's flash has no room for the rest.
edge_flags = -trimpath -tags nethttpomithttp2 -ldflags="-s -w -X main.built=$$(date -u +%F)"
edge:
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=7 go build $(edge_flags) -o bin/edge-gateway-armv7 ./cmd/edge-gateway
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build $(edge_flags) -o bin/edge-gateway-arm64 ./cmd/edge-gateway
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build $(edge_flags) -o bin/edge-gateway-amd64 ./cmd/edge-gateway

# Debian packages in dist; deploy/packages/test.sh tries them in a fresh Debian.
packages:
	deploy/packages/build.sh

# Write expected outputs anew; look at the difference before you commit it.
golden:
	go test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n1 dirname | sort -u) -update

clean:
	rm -rf bin dist
