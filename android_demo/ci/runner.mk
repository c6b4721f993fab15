# The app's benchmark entry point as a program, and a Java that runs it: what tests/devices puts onto
# its phone in the app's place, and tests/android runs here.
RUNNER := $(BUILD)/runner
FOREIGN_NATIVES := 'ai/onnxruntime/native/osx-*' 'ai/onnxruntime/native/win-*' \
	'ai/onnxruntime/native/linux-$(if $(filter x86_64,$(shell uname -m)),aarch64,x64)/*'

.PHONY: runner
runner: $(RUNNER)/runner.jar $(RUNNER)/java/release

$(RUNNER)/runner.jar: $(BUILD)/core.jar $(BUILD)/jvm.jar $(CORE_PATHS)
	@echo "jar $(notdir $@)"
	@rm -rf $(RUNNER)/classes && mkdir -p $(RUNNER)/classes
	@for jar in $$(tr ':' ' ' <<< $(CORE_PATH)) $(BUILD)/core.jar $(BUILD)/jvm.jar; do \
		unzip -q -o $$jar -d $(RUNNER)/classes -x 'META-INF/*' $(FOREIGN_NATIVES) 2> /dev/null \
			|| [ $$? -eq 11 ]; done
	@jar --create --file $@ --main-class org.mobilevit.desktop.BenchmarkMain -C $(RUNNER)/classes .
	@rm -r $(RUNNER)/classes

# of the modules that it needs, 45 MB
$(RUNNER)/java/release: $(RUNNER)/runner.jar
	@echo "jlink $(RUNNER)/java"
	@rm -rf $(@D)
	@jlink --add-modules java.base,java.logging --strip-java-debug-attributes --no-header-files \
		--no-man-pages --vm server --output $(@D)
	@touch $@
