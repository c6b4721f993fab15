"""The Python client on other installs than the one it is developed in: `make test-devices`."""
