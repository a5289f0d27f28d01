// Package account answers in the name of users and of the domains they live in.
package account
