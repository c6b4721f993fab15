"""On other installs and other machines than the one it is developed on: `make test-devices`.

The Python client on fresh installs and on an emulated arm64; benchmarks over adb and ssh. What
stands in for a phone and for a board, and what it does not show, is said in `android_rig` and
`ssh_rig`.
"""
