// Command etcd is the store of a control plane that lives as long as a test: etcd as it is, but
// for the size of its log files. It reserves two at a time, of 64 MB each, where a test writes a few.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

func main() {
	wal.SegmentSizeBytes = 4 << 20
	etcdmain.Main(os.Args)
}
