#!/bin/bash
# Items 18-30 of the conformance list, on a real ip_vs.
. "$(dirname "$0")/_conformance.sh"
hold_items 18-30
