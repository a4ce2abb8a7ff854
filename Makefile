# Thin on purpose: the work is in scripts/.
.PHONY: help up preview refresh destroy down clean test check

help: ## what there is to do
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

up: ## enroll the quickstart's fleet, on the emulator unless the stack has settings for a real server
	@scripts/with-engine scripts/dev up

preview: ## show what `make up` would change
	@scripts/with-engine scripts/dev preview

refresh: ## read how the clearances stand
	@scripts/with-engine scripts/dev refresh

destroy: ## revoke the fleet's clearances
	@scripts/with-engine scripts/dev destroy

down: ## destroy, and stop the emulator
	@scripts/with-engine scripts/dev down

clean: ## stop the emulator, remove .dev and .venv
	@scripts/with-engine scripts/dev clean

test: ## all tests, those on the real Pulumi engine included
	@scripts/test

check: ## lint, format, strict types
	@scripts/check
