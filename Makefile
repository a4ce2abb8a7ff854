# Thin on purpose: the work is in scripts/.
.PHONY: help up preview refresh destroy down clean test check docs bench

help: ## what there is to do
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

up: ## enroll the quickstart's fleet, on the emulator unless the stack has settings for a real server
	@scripts/dev up

preview: ## show what `make up` would change
	@scripts/dev preview

refresh: ## read the current status of each clearance
	@scripts/dev refresh

destroy: ## revoke the fleet's clearances
	@scripts/dev destroy

down: ## destroy, and stop the emulator
	@scripts/dev down

clean: ## stop the emulator, remove .dev and .venv; the engine stays in its cache
	@scripts/dev clean

test: ## all tests, those on the real Pulumi engine included
	@scripts/test

check: ## lint, format, strict types
	@scripts/check

docs: ## build the site of docs/ into .dev/site
	@scripts/docs

bench: ## measure, for ten minutes; BENCH=--quick: for two
	@scripts/bench $(BENCH)
