// The client that openapi-generator makes for Go, in the package `tenantry`.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"tenantry-clients/tenantry"
)

func main() {
	configuration := tenantry.NewConfiguration()
	configuration.Servers = tenantry.ServerConfigurations{{URL: os.Args[1]}}
	client := tenantry.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), tenantry.ContextAccessToken, os.Args[2])

	percentage := "17.5"
	rule := tenantry.NewPriceRuleRequest(tenantry.RULEKIND_MARGIN, "Azure, from Go")
	rule.SetPercentage(tenantry.StringAsDecimal(&percentage))
	made, _, err := client.BillingAPI.CreatePriceRule(ctx).PriceRuleRequest(*rule).Execute()
	check(err)
	if made.Kind != tenantry.RULEKIND_MARGIN || made.GetPercentage() != percentage {
		log.Fatalf("another rule was made: %+v", made)
	}

	zipcode := "01234"
	address := tenantry.NewAddress("Springfield", "US", "1 Main St")
	address.SetState("MA")
	address.SetZipcode(tenantry.StringAsZipcode(&zipcode))
	wanted := map[int64]bool{}
	created := []int64{}
	for number := range 7 {
		customer := tenantry.NewCustomerRequest(fmt.Sprintf("Go %d", number))
		customer.SetAddress(*address)
		made, _, err := client.CustomersAPI.CreateCustomer(ctx).CustomerRequest(*customer).Execute()
		check(err)
		wanted[made.Id] = true
		created = append(created, made.Id)
	}
	walked := 0
	for page := int64(1); ; page++ {
		list, _, err := client.CustomersAPI.ListCustomers(ctx).Page(page).PerPage(3).Execute()
		check(err)
		if len(list.Customers) == 0 {
			break
		}
		walked += len(list.Customers)
		for _, customer := range list.Customers {
			delete(wanted, customer.Id)
		}
	}
	if len(wanted) != 0 {
		log.Fatalf("customers are missing in the list: %v", wanted)
	}
	for _, id := range created {
		one, _, err := client.CustomersAPI.ShowCustomer(ctx, id).Execute()
		check(err)
		name := one.Name + ", changed"
		change := tenantry.NewCustomerChange()
		change.SetName(name)
		changed, _, err := client.CustomersAPI.UpdateCustomer(ctx, id).CustomerChange(*change).Execute()
		check(err)
		if changed.Name != name || changed.Address.City != "Springfield" {
			log.Fatalf("another change was made: %+v", changed)
		}
		_, err = client.CustomersAPI.DeleteCustomer(ctx, id).Execute()
		check(err)
		if _, answer, _ := client.CustomersAPI.ShowCustomer(ctx, id).Execute(); answer.StatusCode != 404 {
			log.Fatalf("a deleted customer is still there: %s", answer.Status)
		}
	}
	statements, _, err := client.BillingAPI.ListStatements(ctx).BillingPeriod("2026-10").Execute()
	check(err)
	if len(statements.BillingArtifacts) != 1 || statements.BillingArtifacts[0].Currency.Name != "USD" {
		log.Fatalf("other statements: %+v", statements)
	}
	fmt.Printf("openapi-generator, Go: made a price rule, walked %d customers, changed and deleted 7, read a statement\n", walked)
}

func check(err error) {
	if err != nil {
		if refused, ok := err.(*tenantry.GenericOpenAPIError); ok {
			log.Fatalf("%v: %s", err, refused.Body())
		}
		log.Fatal(err)
	}
}
