// Fleet clearance and vehicle access tokens of High Mobility
package highmobility
